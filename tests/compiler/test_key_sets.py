"""Key sets in files: which are read, where they go, and what is refused of them."""

import json

import pytest

from cli.changes import policy_fingerprint
from compiler.pipeline import compile_path
from compiler.read import goes_with, is_policy_file, read

KEYS = {"keys": [{"kty": "RSA", "kid": "1", "n": "abc", "e": "AQAB"}]}
INDENTED = json.dumps(KEYS, indent=2)
POLICY = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
issuers: { corp: { issuer: corp, jwks: "file:%s" } }
routes: [{ match: /, respond: 200, auth: jwt }]
"""


def write(folder, file="corp.jwks.json", keys=INDENTED, at="gateway.yaml"):
    path = folder / at
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(POLICY % file)
    target = path.parent / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(keys)
    return path


def planned(path):
    compiled = compile_path(path, until="plan")
    assert compiled.ok, compiled.diagnostics
    return compiled.plan.issuers[0].jwks


def test_the_set_is_in_the_plan(tmp_path):
    """Of a folder and of a single file, in one spelling whatever its own is."""
    path = write(tmp_path)
    assert json.loads(planned(tmp_path)) == KEYS
    assert planned(path) == planned(tmp_path)
    write(tmp_path, keys=json.dumps(KEYS))
    assert planned(path) == planned(tmp_path)


def test_a_path_is_relative_to_the_file_that_names_it(tmp_path):
    """Also from a folder below."""
    write(tmp_path, file="sets/jwks.json", at="teams/one.yaml")
    assert json.loads(planned(tmp_path)) == KEYS


def test_only_key_sets_are_read(tmp_path):
    """Other JSON is none of a policy's business."""
    path = write(tmp_path)
    for name in ("package.json", ".hidden.jwks.json", "notjwks.json"):
        (tmp_path / name).write_text("{")
    for sources in (read(tmp_path), read(path)):
        assert [one.name for one in sources.key_sets] == [f"{tmp_path}/corp.jwks.json"]
    assert is_policy_file("a/corp.jwks.json")
    assert not is_policy_file("a/.x/jwks.json")
    assert goes_with("jwks.json", "gateway.yaml")
    assert not goes_with("other/jwks.json", "gateway.yaml")
    assert not goes_with("other.yaml", "gateway.yaml")


@pytest.mark.parametrize("whole", [True, False])
def test_a_changed_set_is_noticed(tmp_path, whole):
    """A save of it is a change of the policy."""
    path = write(tmp_path)
    watched = tmp_path if whole else path
    before = policy_fingerprint(watched)
    (tmp_path / "corp.jwks.json").write_text(json.dumps({"keys": [*KEYS["keys"], {"kty": "EC"}]}))
    assert policy_fingerprint(watched) != before
    before = policy_fingerprint(watched)
    (tmp_path / "package.json").write_text("{}")
    assert policy_fingerprint(watched) == before


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("{", "bad-key-set"),
        ("[]", "bad-key-set"),
        ('{"keys": []}', "bad-key-set"),
        ('{"keys": [{}]}', "bad-key-set"),
        ('{"keys": [{"kty": "oct", "k": "canary"}]}', "inline-secret"),
        ('{"keys": [{"kty": "RSA", "n": "a", "e": "b", "d": "canary"}]}', "inline-secret"),
    ],
)
def test_what_is_no_public_set_is_refused(tmp_path, keys, code):
    """And nothing of it is repeated."""
    compiled = compile_path(write(tmp_path, keys=keys))
    (said,) = compiled.diagnostics
    assert said.code == code
    assert "canary" not in repr(said)


def test_bytes_that_are_no_text_are_told(tmp_path):
    """Once, at the file itself."""
    path = write(tmp_path)
    (tmp_path / "corp.jwks.json").write_bytes(b'\xff\xfe{"keys": []}')
    assert [said.code for said in compile_path(path).diagnostics] == ["not-utf-8"]
