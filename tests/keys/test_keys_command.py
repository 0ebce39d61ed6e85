"""`gatewright keys` on a policy's files: what is written, what is shown, and what is not."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli import exits, policy_replace
from cli.key_text import digest_of, is_key
from cli.main import main
from compiler.pipeline import compile_path
from tests.canaries import Canaries

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "tenants"


@pytest.fixture
def policy(tmp_path):
    """A folder policy; each tenant has a file."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "policy"))


@pytest.fixture
def acme(policy):
    return policy / "tenants" / "acme.yaml"


@pytest.fixture
def keys(policy, capfd, monkeypatch):
    """Run `keys` in the policy's folder; gives the exit code and what it printed."""
    monkeypatch.chdir(policy)

    def run(*arguments):
        try:
            code = main(["keys", *map(str, arguments)])
        except SystemExit as left:
            code = left.code
        return (code, *capfd.readouterr())

    return run


def accepted(policy):
    """The digests of all keys that are good, by id, as the compiler reads the policy."""
    plan = compile_path(policy).plan
    return {
        (one.id, one.sha256.hex())
        for tenant in plan.tenants
        for holder in (tenant, *tenant.teams)
        for one in holder.keys
    }


def test_a_key_is_made_and_shown_once(keys, policy, acme):
    """Alone on stdout; its digest is in the tenant's file, and one line is all that changed."""
    before, mode = acme.read_text().splitlines(), acme.stat().st_mode
    code, out, err = keys("create", "acme/new", "--expires", "2037-01-31")
    key = out.strip()
    assert code == exits.OK, err
    assert is_key(key)
    assert key not in err
    assert ("acme/new", digest_of(key)) in accepted(policy)
    after = acme.read_text().splitlines()
    [line] = [one for one in after if one not in before]
    assert line == f"      new: {{ sha256: {digest_of(key)}, expires: 2037-01-31 }}"
    assert [one for one in after if one != line] == before
    assert acme.stat().st_mode == mode
    assert not list(policy.rglob(".*"))


def test_a_team_has_keys_of_its_own(keys, policy):
    """By three names."""
    code, out, _ = keys("create", "acme/search/ci")
    assert code == exits.OK
    assert ("acme/search/ci", digest_of(out.strip())) in accepted(policy)


def test_a_key_goes_to_a_file_of_its_owner_alone(keys, policy, tmp_path):
    """Mode 0600, nothing on stdout; a file that is there is not overwritten."""
    target = tmp_path / "new.key"
    code, out, err = keys("create", "acme/new", ".", "--out", target)
    assert (code, out) == (exits.OK, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    key = target.read_text().strip()
    assert key not in err
    assert ("acme/new", digest_of(key)) in accepted(policy)
    code, out, err = keys("create", "acme/newer", ".", "--out", target)
    assert code == exits.ENVIRONMENT
    assert "there already" in err
    assert target.read_text().strip() == key
    assert not any(name == "acme/newer" for name, _ in accepted(policy))


def test_a_rotation_leaves_the_old_key_good_for_a_while(keys, policy):
    """Both digests under one id, the old one with an end."""
    [old] = [digest for name, digest in accepted(policy) if name == "acme/ci"]
    code, out, err = keys("rotate", "acme/ci", "--overlap", "7d")
    assert code == exits.OK
    assert "the old key is good until" in err
    new = digest_of(out.strip())
    assert {digest for name, digest in accepted(policy) if name == "acme/ci"} == {old, new}
    code, out, err = keys("rotate", "acme/ci", "--overlap", "0s")
    assert "the oldest of its keys ends now" in err
    assert old not in (policy / "tenants" / "acme.yaml").read_text()


def test_a_revoked_key_is_good_no_more(keys, policy):
    """A short form too; again changes nothing; rotating or creating it anew is refused."""
    for name in ("acme/ci", "hobby/laptop", "acme/search/batch"):
        assert keys("revoke", name)[0] == exits.OK
    assert accepted(policy) == set()
    text = (policy / "tenants" / "hobby.yaml").read_text()
    assert keys("revoke", "hobby/laptop")[0] == exits.OK
    assert (policy / "tenants" / "hobby.yaml").read_text() == text
    for action in ("rotate", "create"):
        code, out, _ = keys(action, "hobby/laptop")
        assert (code, out) == (exits.POLICY, "")


def test_keys_are_listed_with_their_state(keys):
    """By id, tier and state; digests are cut short."""
    keys("rotate", "acme/ci")
    keys("revoke", "hobby/laptop")
    keys("create", "acme/past", "--expires", "2020-01-01")
    keys("create", "acme/soon", "--expires", "2999-01-01")
    code, out, _ = keys("list", "--json")
    assert code == exits.OK
    listed = json.loads(out)["keys"]
    assert {one["id"]: one["state"] for one in listed} == {
        "acme/ci": "rotating",
        "acme/past": "expired",
        "acme/soon": "expiring",
        "acme/search/batch": "active",
        "hobby/laptop": "revoked",
    }
    assert {one["tier"] for one in listed} == {"pro", "free"}
    assert all(len(one["sha256"]) == 12 for one in listed)
    code, out, _ = keys("list", "--tenant", "hobby")
    assert "revoked since" in out
    assert "acme" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "acme/ci"), "is there already"),
        (("create", "nobody/ci"), "no tenant `nobody`"),
        (("create", "acme/nobody/ci"), "no team `nobody`"),
        (("rotate", "acme/nobody"), "no key `acme/nobody`"),
        (("revoke", "acme/nobody"), "no key `acme/nobody`"),
    ],
)
def test_what_makes_no_sense_changes_nothing(keys, policy, arguments, said):
    """The reason is told, and no key is shown."""
    before = {file: file.read_bytes() for file in policy.rglob("*.yaml")}
    code, out, err = keys(*arguments)
    assert (code, out) == (exits.POLICY, "")
    assert said in err
    assert {file: file.read_bytes() for file in policy.rglob("*.yaml")} == before


def test_a_policy_that_would_be_wrong_is_left_untouched(keys, policy, acme, tmp_path):
    """It has an error already: nothing is written, no key is left in a file."""
    gateway = policy / "gateway.yaml"
    gateway.write_text(gateway.read_text().replace("service: reports", "service: nobody"))
    before = acme.read_bytes()
    code, out, err = keys("create", "acme/new", "--out", tmp_path / "new.key")
    assert (code, out) == (exits.POLICY, "")
    assert "unknown-service" in err
    assert acme.read_bytes() == before
    assert not (tmp_path / "new.key").exists()


@pytest.mark.parametrize("wrong", ["expires: soon", "previous: none"])
def test_a_key_that_is_written_wrong_is_not_rotated(keys, acme, wrong):
    """The compiler says at which line."""
    acme.write_text(acme.read_text().replace("expires: 2036-01-31", wrong))
    before = acme.read_bytes()
    code, out, err = keys("rotate", "acme/ci")
    assert (code, out) == (exits.POLICY, "")
    assert err
    assert acme.read_bytes() == before


def test_a_key_in_the_place_of_an_id_is_not_repeated(keys):
    """Whoever pastes the wrong thing finds it in no log of ours."""
    canaries = Canaries()
    code, out, err = keys("revoke", canaries.plant("a mistake"))
    assert code == exits.USAGE
    assert canaries.leaks({"out": out, "err": err}) == []


def test_a_save_of_an_editor_is_not_overwritten(keys, acme, monkeypatch):
    """What was saved while the command ran stays, and the command says so."""
    compiling = policy_replace._compile

    def slow(*arguments):
        acme.write_text(acme.read_text() + "# saved meanwhile\n")
        return compiling(*arguments)

    monkeypatch.setattr(policy_replace, "_compile", slow)
    code, out, err = keys("create", "acme/new")
    assert (code, out) == (exits.ENVIRONMENT, "")
    assert "saved by somebody else" in err
    assert acme.read_text().endswith("# saved meanwhile\n")
    assert "new:" not in acme.read_text()


def test_a_link_stays_a_link(keys, policy, acme, tmp_path):
    """What it leads to is changed."""
    real = tmp_path / "real.yaml"
    acme.rename(real)
    acme.symlink_to(real)
    assert keys("create", "acme/new")[0] == exits.OK
    assert acme.is_symlink()
    assert "new:" in real.read_text()


@pytest.mark.slow
def test_commands_at_the_same_time_all_count(policy, acme):
    """Eight keys are created at once, and each is in the file."""
    made = {}

    def create(number):
        done = subprocess.run(
            [sys.executable, "-m", "cli", "keys", "create", f"acme/k{number}", str(policy)],
            cwd=REPOSITORY,
            env={**os.environ},
            capture_output=True,
            text=True,
        )
        made[number] = done

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    known = accepted(policy)
    assert len(made) == 8
    for number, done in made.items():
        assert done.returncode == exits.OK, done.stderr
        assert (f"acme/k{number}", digest_of(done.stdout.strip())) in known


def test_no_key_is_anywhere_but_on_stdout(keys, policy):
    """Not in the files, not on stderr, not in later output."""
    canaries, said = Canaries(), {}
    for number, arguments in enumerate(
        [("create", "acme/one"), ("rotate", "acme/ci"), ("rotate", "acme/search/batch")]
    ):
        _, out, said[f"stderr {number}"] = keys(*arguments)
        canaries.plant(arguments[1], out.strip())
    for number, arguments in enumerate([("revoke", "acme/one"), ("list",), ("list", "--json")]):
        _, out, err = keys(*arguments)
        said[f"later {number}"] = out + err
    assert len(canaries.keys) == 3
    assert canaries.leaks({**said, "policy": policy}) == []
