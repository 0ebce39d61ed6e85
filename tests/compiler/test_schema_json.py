"""The published JSON Schema: valid itself, and in step with what the compiler takes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import jsonschema
import pytest
import yaml

from cli import schema as command
from cli.main import parser
from compiler.diagnostic import Reporter
from compiler.load import load
from compiler.node import plain
from compiler.read import read, sources_of
from compiler.schema.json_schema import json_schema
from policies.base import Place
from policies.registry import KINDS, kinds_at
from tests.fuzz.policies import WHOLE

EXAMPLES = Path(__file__).parents[2] / "examples"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SECTIONS = {
    Place.LISTENER: "ListenerDocument",
    Place.SERVICE: "ServiceDocument",
    Place.PROVIDER: "ProviderDocument",
    Place.ROUTE: "RouteDocument",
}


@pytest.fixture(scope="module")
def schema():
    return json_schema()


def faults(schema, text):
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def test_valid_by_the_meta_schema(schema):
    """It is a schema of draft 2020-12."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(f.parent.name for f in EXAMPLES.glob("*/gateway.yaml")))
def test_examples_validate(schema, name):
    """Every example is right by the schema, merged and file by file."""
    validator = jsonschema.Draft202012Validator(schema)
    sources = read(EXAMPLES / name)
    whole = plain(load(sources, Reporter()))
    assert [error.message for error in validator.iter_errors(whole)] == []
    for source in sources.policies:
        part = plain(load(sources_of({"a.yaml": source.text}), Reporter()))
        assert [error.message for error in validator.iter_errors(part)] == []


@pytest.mark.parametrize(
    ("place", "kind"),
    [(place, kind) for place in Place for kind in kinds_at(place).values()],
    ids=lambda value: getattr(value, "name", value),
)
def test_examples_of_policies_validate(schema, place, kind):
    """What each policy kind shows as right is right where it may stand."""
    part = {**schema["$defs"][SECTIONS[place]]["properties"][kind.name], "$defs": schema["$defs"]}
    text = "x:\n" + indent(kind.valid.strip("\n"), "  ")
    written = plain(load(sources_of({"a.yaml": text}), Reporter()))["x"]
    validator = jsonschema.Draft202012Validator(part)
    assert [error.message for error in validator.iter_errors(written)] == []


def test_every_policy_kind_is_there(schema):
    """A new kind needs no line in the schema."""
    for kind in KINDS:
        for place in kind.places:
            assert kind.name in schema["$defs"][SECTIONS[place]]["properties"]


def parts(schema, path=()):
    """Every schema inside of a schema, with its path."""
    if isinstance(schema, dict):
        yield path, schema
        for key, inner in schema.items():
            yield from parts(inner, (*path, key))
    elif isinstance(schema, list):
        for place, inner in enumerate(schema):
            yield from parts(inner, (*path, place))


def properties(schema):
    """Every property that may be written, by its path; those of examples are none."""
    for path, one in parts(schema):
        if "examples" not in path and path[-1:] == ("properties",) and path[-2:-1] != path[-1:]:
            yield from (((*path, key), value) for key, value in one.items())


def test_everything_is_described(schema):
    """Each key says what it is for: the schema is what editors show."""
    assert [path for path, value in properties(schema) if not value.get("description")] == []


def test_everything_has_examples(schema):
    """Each key shows how it may be written."""
    assert [path for path, value in properties(schema) if not value.get("examples")] == []


def test_examples_are_right_where_they_stand(schema):
    """What an editor offers as an example would be taken."""
    wrong = []
    for path, one in parts(schema):
        if "examples" in path or not isinstance(one.get("examples"), list):
            continue
        validator = jsonschema.Draft202012Validator({**one, "$defs": schema["$defs"]})
        wrong += [(path, said) for said in one["examples"] if not validator.is_valid(said)]
    assert wrong == []


def test_no_titles(schema):
    """Pydantic's titles say names again in capitals."""
    assert not re.search(r'"title": "[A-Z]', json.dumps(schema["$defs"]))


@pytest.mark.parametrize(
    "text",
    [
        "listeners: { a: 8080, b: { port: 8080 } }",
        "services: { s: { endpoints: ['a:80', { address: 'a:81' }] } }",
        "services: { s: { endpoints: { file: endpoints/s.yaml } } }",
        "models: { a: { targets: [p/m, { to: p/n }, [p/o, { to: p/q }]] }, b: a }",
        "routes: [{ match: /a, service: s }, { match: { path: /b }, respond: 404 }]",
        "routes: [{ match: { path: /, method: GET, query: { x: 'y' } }, redirect: /b }]",
        "routes: [{ match: /, host: a.b, listeners: a, service: s }]",
        "routes: [{ match: /, service: s, auth: keys, allow: acme, limits: 5 requests/second }]",
        "routes: [{ match: /, service: s, auth: [keys, { jwt: corp }], allow: ['tag:a', 'b*'] }]",
        f"tenants: {{ a: {{ keys: {{ k: {HASH}, l: {{ sha256: {HASH} }} }} }} }}",
        "tenants: { a: { models: fast, tags: [x], addresses: 10.0.0.0/8 } }",
        "tiers: { a: { limits: [20 requests/minute, { limit: 8 concurrent, each: key }] } }",
        "tiers: { a: { budget: 5 USD/month }, b: { budget: [{ limit: 5 USD/day, each: team }] } }",
        "limits: { limit: 20 requests/minute, burst: 5k, per: edge, window: calendar }",
        "issuers: { a: { issuer: 'https://a.example', jwks: file:a.jwks.json, audiences: b } }",
        "counters: { store: 'redis://a:1/0' }\nledger: { store: none, retention: 400d }",
    ],
)
def test_shorthands_are_offered(schema, text):
    """Both forms are right wherever there are two."""
    assert faults(schema, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "listners: {}",
        "listeners: { Public: 8080 }",
        "listeners: { a: 70000 }",
        "listeners: { a: { port: '8080' } }",
        "services: { s: { endpoints: [] } }",
        "services: { s: { endpoints: ['a:80'], protocol: http3 } }",
        "providers: { p: { api: openai, key: sk-123 } }",
        "models: { a: { targets: [] } }",
        "models: { a: { targets: [[]] } }",
        "routes: [{ match: /a }]",
        "routes: [{ match: /a, service: s, respond: 404 }]",
        "routes: [{ match: { path: /a, prefix: /b }, service: s }]",
        "routes: [{ match: { headers: { x: {} } }, service: s }]",
        "routes: [{ match: /a, service: s, timeout: 5 }]",
        "defaults: { timeout: }",
        "routes: [{ match: /a, service: s, auth: password }]",
        "routes: [{ match: /a, service: s, auth: { keys: corp } }]",
        "routes: [{ match: /a, service: s, auth: [] }]",
        "routes: [{ match: /a, service: s, access: some }]",
        "tenants: { a: { keys: { k: gw_canary0123456789canary0123456789 } } }",
        "tenants: { a: { models: ['fast model'] } }",
        "tenants: { a: { extends: b } }",
        "tiers: { a: { limits: [20 requests] } }",
        "tiers: { a: { budget: 20 requests/minute } }",
        "limits: [{ limit: 20 requests/minute, burst: 0 }]",
        "limits: [{ limit: 20 requests/minute, each: cookie }]",
        "models: { a: { targets: [p/m], output: 2000 } }",
        "issuers: { a: { issuer: a, client: { id: a } } }",
        "counters: { store: 'redis://user:pw@a:1/0' }",
        "ledger: { retention: 400 }",
        "edge: { workers: 0 }",
    ],
)
def test_what_is_wrong_is_wrong_in_editors(schema, text):
    """What one value shows to be wrong, the schema refuses too."""
    assert faults(schema, text) != []


def test_defaults_are_written_as_people_write_them(schema):
    """A default in the schema could stand in a policy."""
    defaults = schema["$defs"]["DefaultsDocument"]["properties"]
    assert {key: one["default"] for key, one in defaults.items() if "default" in one} == {
        "connect_timeout": "2s",
        "timeout": "15s",
        "model_timeout": "10m",
        "body_limit": "32 MiB",
    }


def test_a_policy_that_uses_most_of_the_language_validates(schema):
    """What the fuzz tests begin with is right in editors too."""
    written = plain(load(sources_of({"a.yaml": WHOLE}), Reporter()))
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(written)] == []


def test_the_command_prints_it(capsys, schema):
    """`gatewright schema` prints JSON and nothing else."""
    assert command.run(parser([command]).parse_args(["schema"])) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(schema))


def test_the_command_writes_it(tmp_path, schema):
    """`--output` writes the same to a file."""
    file = tmp_path / "schema.json"
    assert command.run(parser([command]).parse_args(["schema", "--output", str(file)])) == 0
    assert json.loads(file.read_text()) == json.loads(json.dumps(schema))


def test_the_help_tells_editors(capsys):
    """The line that editors want is in the help."""
    with pytest.raises(SystemExit):
        parser([command]).parse_args(["schema", "--help"])
    assert "yaml-language-server: $schema=" in capsys.readouterr().out


def test_documents_are_made_with_little_work():
    """Importing the schema and making its validators is a small part of a start.

    Counted in calls, of which there are some 285,000; about 0.1 s of CPU.
    """
    program = (
        "import pydantic, pydantic.json_schema, policies.registry, sys\n"
        "pydantic.TypeAdapter(dict[str, int])\n"
        "calls = 0\n"
        "def count(_frame, event, _argument):\n"
        "    global calls\n"
        "    calls += event in ('call', 'c_call')\n"
        "sys.setprofile(count)\n"
        "from compiler.schema import GatewayDocument\n"
        "GatewayDocument.model_validate({'gatewright': 'v1', 'name': 'a'})\n"
        "sys.setprofile(None)\n"
        "print(calls)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, timeout=60
    )
    assert int(done.stdout) < 450_000
