"""The three ways to write a review, its parts beside behaviour, and that none shows a secret."""

import json

import jsonschema
import pytest

from compiler.diff.connections import Effect
from compiler.diff.json_form import json_form, render_json
from compiler.diff.markdown import render_markdown
from compiler.diff.recorded import NoUsageError, read_usage
from compiler.diff.resources import Fate
from compiler.diff.review import review
from compiler.diff.text import SCREEN, render_text
from compiler.pipeline import compile_path
from compiler.render.markdown import MAX_LENGTH
from tests.conftest import REPOSITORY
from tests.diff.policies import BASE, edited, reviewed

USED = [
    {"tenant": "a", "model": "fast", "route": "llm", "provider": "openai", "served": "gpt-4o-mini"}
    | {"requests": 10, "input": 1_000_000, "output": 0, "cached": 0, "cost": 150_000_000},
    {"tenant": "c", "model": "smart", "route": "llm", "provider": "openai", "served": "gpt-4o"}
    | {
        "requests": 30,
        "input": 1_000_000,
        "output": 1_000_000,
        "cached": 0,
        "cost": 12_500_000_000,
    },
]


def usage():
    return read_usage(json.dumps(USED))


def test_the_same_in_every_format():
    """Nothing but that both do the same."""
    found = reviewed()
    assert found.same
    assert render_text(found) == "A and B do the same\n"
    assert "do the same" in render_markdown(found)
    assert json_form(found)["same"] is True
    assert json_form(found)["changes"] == json_form(found)["resources"] == []


def test_text_is_one_screen_unless_all_is_asked_for():
    routes = "".join(
        f"  - {{ name: r{n}, match: /r{n}, service: orders, auth: keys, timeout: 1s }}\n"
        for n in range(40)
    )
    found = reviewed(*((f"/r{n},", f"/q{n},") for n in range(40)), base=BASE + routes)
    short, whole = render_text(found), render_text(found, whole=True)
    assert len(short.splitlines()) < SCREEN + 10
    assert "... and 16 more; --all shows them" in short
    assert "virtual_hosts" in whole
    assert "virtual_hosts" not in short


def test_a_comment_always_fits():
    """However much changes, there is what matters, and a word of how much more there is."""
    routes = "".join(
        f"  - {{ name: r{n}, match: /r{n}, service: orders, auth: keys }}\n" for n in range(500)
    )
    found = reviewed(
        *((f"/r{n},", f"/a-much-longer-path-{n},") for n in range(500)),
        ("20 requests", "10 requests"),
        base=BASE + routes,
    )
    text = render_markdown(found)
    assert len(text) < MAX_LENGTH
    assert "**loss** 2 tenants" in "\n".join(text.splitlines()[:10])
    assert " more; `gatewright diff --all` shows them" in text


def test_markup_in_a_policy_is_text_in_a_comment():
    """Nobody is mentioned, and no tag or emphasis of a policy does anything."""
    found = reviewed(
        (
            "service: orders, auth: keys }",
            "respond: { status: 200, body: '<b>@ana *x*</b>' }, auth: keys }",
        )
    )
    text = render_markdown(found)
    assert "<b>" not in text.partition("```diff")[0]
    assert "@ana" not in text.partition("```diff")[0]


def test_json_has_the_published_form():
    """The keys that programs may rely on."""
    found = json.loads(render_json(reviewed(("20 requests", "10 requests"), usage=usage())))
    places = {"type": "array", "items": {"type": "object", "required": ["file", "line", "column"]}}
    change = {
        "type": "object",
        "required": ["area", "severity", "subject", "message", "before", "after", "touches"],
        "properties": {
            "severity": {"enum": ["danger", "loss", "gain", "neutral"]},
            "before_at": places,
            "after_at": places,
        },
    }
    keys = ["version", "before", "after", "same", "summary", "changes", "connections", "radius"]
    schema = {
        "type": "object",
        "required": [*keys, "cost", "resources"],
        "properties": {"version": {"const": 1}, "changes": {"type": "array", "items": change}},
    }
    jsonschema.validate(found, schema)
    assert found["summary"] == {"danger": 0, "loss": 1, "gain": 0, "neutral": 0}
    assert found["changes"][0]["touches"]["tenants"] == ["a", "b"]


def test_no_format_shows_a_secret():
    """What looks like a credential is masked, wherever the policy has it."""
    secret = "sk-proj-1234567890abcdefghijkl"
    answer = f"respond: {{ status: 200, body: {secret} }}"
    found = reviewed(("service: orders, auth", f"{answer}, auth"))
    for text in (render_text(found, whole=True), render_json(found), render_markdown(found)):
        assert secret not in text
        assert "***" in text.replace("\\", "")


@pytest.mark.parametrize(
    "place",
    [
        "headers: { request: { set: { x-api-key: %s, x-a: b } } }",
        "headers: { response: { add: { x-auth-token: %s } } }",
        "match: { prefix: /orders, headers: { authorization: %s } }",
        "match: { prefix: /orders, headers: { x-api-key: { suffix: %s } } }",
        "match: { prefix: /orders, query: { api_key: %s } }",
    ],
)
def test_no_format_shows_what_a_header_s_name_says_to_be_secret(place):
    """However it looks: changed, new and gone."""
    bare = edited(("{ name: orders, match: /orders,", "{ name: orders,"))
    words = [
        f"service: orders, {place % word}{'' if 'match' in place else ', match: /orders'}"
        for word in ("hunter2", "winter3")
    ]
    none = "service: orders, match: /orders"
    for had, has in (words, (none, words[0]), (words[0], none)):
        found = reviewed((had, has), base=edited(("service: orders", had), base=bare))
        assert not found.same
        assert found.resources[0].fields
        for text in (render_text(found, whole=True), render_json(found), render_markdown(found)):
            assert "hunter" not in text
            assert "winter" not in text


def test_which_connections_are_made_anew():
    """Listeners drain, clusters get new pools, endpoints move; routes do nothing of that."""
    routes = reviewed(("service: orders", "service: other"))
    assert routes.connections == ()
    clusters = reviewed(("orders.internal:80", "orders.internal:81"))
    assert [(one.effect, one.name) for one in clusters.connections] == [
        (Effect.RECONNECTS, "service/orders")
    ]
    static = edited(("orders.internal:80", "10.0.0.1:80"))
    moved = reviewed(("10.0.0.1:80", "10.0.0.2:80"), base=static)
    assert [one.effect for one in moved.connections] == [Effect.MOVES]
    listener = reviewed(("port: 8080,", "port: 8080, idle_timeout: 1m,"))
    assert [(one.effect, one.name) for one in listener.connections] == [(Effect.DRAINS, "local")]


def test_resources_by_type_with_the_fields_that_changed():
    found = reviewed(("service: orders, auth", "service: orders, timeout: 9s, auth"))
    [one] = [one for one in found.resources if one.type == "RouteConfiguration"]
    assert one.fate is Fate.CHANGED
    assert [field.path for field in one.fields] == ["virtual_hosts[*].routes[orders].route.timeout"]
    assert (one.fields[0].before, one.fields[0].after) == ("15s", "9s")


def test_what_the_recorded_period_would_have_cost():
    """By tenant and model: at other targets by their prices, nothing for what is refused."""
    found = reviewed(("[openai/gpt-4o]", "[openai/gpt-4o-mini]"), usage=usage())
    [group] = found.spending.groups
    assert (group.tenant, group.model) == ("c", "smart")
    assert (group.recorded, group.before, group.after) == (
        12_500_000_000,
        12_500_000_000,
        750_000_000,
    )
    assert found.radius.traffic.touched == 30
    refused = reviewed(("pro: {", "pro: { models: [fast],"), usage=usage()).spending
    assert [(one.refused, one.after) for one in refused.groups] == [(30, 0)]


def test_the_blast_radius():
    """Tenants, models and routes that are touched, of all there are."""
    found = reviewed(("models: [fast]", "models: [smart]"), usage=usage())
    assert found.radius.tenants == ("a", "b")
    assert found.radius.models == ("fast", "smart")
    assert found.radius.routes == ("llm",)
    assert (found.radius.traffic.requests, found.radius.traffic.touched) == (40, 10)


def test_the_blast_radius_of_a_route_that_is_for_one_tenant():
    """A route that only one of the sides has is not open to all on the other."""
    route = "  - { name: new, match: /new, service: orders, auth: keys, allow: [a] }\n"
    found = reviewed(("routes:\n", f"routes:\n{route}"))
    assert (found.radius.tenants, found.radius.routes) == (("a",), ("new",))


def test_the_blast_radius_where_there_are_no_tenants():
    """A route that asks nobody is touched, though nobody is known by name."""
    quickstart = (REPOSITORY / "examples" / "quickstart" / "gateway.yaml").read_text()
    found = reviewed(("timeout: 5s", "timeout: 9s"), base=quickstart)
    assert (found.radius.routes, found.radius.models) == (("orders",), ())


def test_the_blast_radius_of_a_model_that_is_asked_for_by_another_name():
    """All who asked for the old name are touched, and their recorded requests."""
    renamed = reviewed(("smart:", "clever:"), usage=usage())
    assert renamed.radius.tenants == ("c",)
    assert renamed.radius.models == ("clever",)
    assert renamed.radius.routes == ("llm",)
    assert renamed.radius.traffic.touched == 30


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "tenant,model\na,b\n",
        '[{"tenant": "a"}]',
        '[{"tenant":"a","model":"b","input":"x","output":0}]',
    ],
)
def test_an_export_that_cannot_be_used_is_refused(text):
    with pytest.raises(NoUsageError):
        read_usage(text)


def test_csv_says_the_same_as_json():
    lines = [",".join(USED[0]), *(",".join(str(one[key]) for key in USED[0]) for one in USED)]
    assert read_usage("\n".join(lines)) == usage()


def test_invariants_that_are_gone_or_ask_for_less():
    """They change nothing that is served, and are a danger to who relies on them."""
    held = "invariants:\n  - { name: keys, forbid: { auth: none } }\n"
    same = reviewed(base=BASE + held)
    assert same.same
    gone = reviewed((held, ""), base=BASE + held)
    [change] = gone.changes.entries
    assert (change.severity, change.subject) == ("danger", "invariant `keys`")
    assert change.message == "is no longer promised: forbid auth none"
    less = reviewed(
        ("name: keys,", "name: keys, severity: warning, reason: later,"), base=BASE + held
    )
    assert [(one.severity, one.message) for one in less.changes.entries] == [
        ("danger", "is promised otherwise: severity: error -> warning"),
        ("neutral", "is promised otherwise: reason: none -> later"),
    ]
    assert less.resources == ()


def golden(path):
    found = compile_path(path, until="checked")
    assert found.ok
    return found


@pytest.mark.parametrize(
    "step", [7, pytest.param(3, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)]
)
def test_policies_that_have_nothing_in_common(step):
    """Any two can be compared and written, however far they are apart, and comments fit."""
    paths = sorted((REPOSITORY / "tests" / "golden").glob("*/in.yaml"))
    for place, path in list(enumerate(paths))[:: 1 if step != 7 else 4]:
        other = paths[(place + step) % len(paths)]
        found = review(golden(path), golden(other), names=("A", "B"))
        assert not found.same
        assert len(render_markdown(found)) < MAX_LENGTH
        assert render_text(found, whole=True)
        assert json.loads(render_json(found))["version"] == 1
