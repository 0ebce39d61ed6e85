"""The stage `fleet`: each group is built once, and what is the same is the same object."""

from __future__ import annotations

from datetime import timedelta

from compiler.lower.runtime import lower_runtime
from compiler.pipeline import Compiled, compile_sources
from compiler.plan_fleet import DEFAULT_GROUP, Rollout, Runtime, RuntimeShare
from compiler.read import sources_of
from compiler.source import Span
from tests.compiler.stages import plan_of, policy
from xds.node_match import NodeMatch
from xds.order import CLUSTER, LISTENER, ROUTE, RUNTIME
from xds.wire import to_json

GATEWAY = """
listeners:
  public: { port: 8080, address: 127.0.0.1 }
  internal: { port: 8081, address: 127.0.0.1 }
services: { orders: { endpoints: ["10.0.0.1:80"] }, users: { endpoints: ["10.0.0.2:80"] } }
routes:
  - { name: orders, match: /orders, service: orders }
  - { name: users, match: /users, service: users }
"""
AT = Span("gateway.yaml", 1, 1, 1, 1)


def built(*parts: str) -> Compiled:
    done = compile_sources(sources_of({"gateway.yaml": policy(*parts)}))
    assert done.ok, done.diagnostics
    return done


def test_without_groups_there_is_one_of_all_nodes():
    """It takes any node, and is the whole gateway: nothing is made a second time."""
    done = built(GATEWAY)
    (build,) = done.fleet
    assert build.group.name == DEFAULT_GROUP
    assert build.group.nodes == NodeMatch()
    assert build.group.at is None
    assert build.lowered is done.lowered
    assert build.snapshot is done.snapshot


def test_groups_are_built_in_the_order_in_which_they_are_tried():
    """The most particular first; groups that ask for as much stand by name."""
    done = built(
        GATEWAY,
        """
        groups:
          rest: { nodes: {} }
          edge: { nodes: edge }
          beta: { nodes: { cluster: edge, id: "b-*" } }
          alfa: { nodes: { cluster: edge, id: "a-*" } }
        """,
    )
    assert [build.group.name for build in done.fleet] == ["alfa", "beta", "edge", "rest"]
    assert [group.name for group in done.plan.groups] == ["alfa", "beta", "edge", "rest"]


def test_groups_that_get_the_same_share_it():
    """Two that see everything have the whole gateway's objects, two with one part have one more."""
    done = built(
        GATEWAY,
        """
        groups:
          a: { nodes: a }
          b: { nodes: b, routes: [orders, users] }
          c: { nodes: c, listeners: public, routes: orders }
          d: { nodes: d, listeners: "pub*", routes: "o*" }
        """,
    )
    a, b, c, d = done.fleet
    assert a.snapshot is done.snapshot is b.snapshot
    assert a.lowered is done.lowered is b.lowered
    assert c.snapshot is d.snapshot
    assert c.snapshot.version != done.snapshot.version
    assert list(c.snapshot.of(CLUSTER).by_name) == ["service/orders"]
    assert list(c.snapshot.of(LISTENER).by_name) == ["public"]
    assert b"users" not in c.snapshot.of(ROUTE).by_name["public"].body


def test_a_group_does_not_change_what_another_gets():
    """Taking a route from one group leaves the bytes of the other as they were."""
    groups = "groups: {{ a: {{ nodes: a, routes: [orders, {}] }}, b: {{ nodes: b, routes: {} }} }}"
    before = built(GATEWAY, groups.format("users", "users"))
    after = built(GATEWAY, groups.format("orders", "users"))
    assert before.fleet[1].snapshot.version == after.fleet[1].snapshot.version
    assert before.fleet[0].snapshot.version != after.fleet[0].snapshot.version


def test_what_is_said_of_the_whole_is_said_once():
    """A warning about a listener's many routes is not repeated for each group that has them."""
    routes = "\n".join(
        f"  - {{ match: {{ regex: '[a-z]*/{n}' }}, respond: {{ status: 200 }} }}"
        for n in range(2_001)
    )
    done = built(
        "listeners: { public: { port: 8080, address: 127.0.0.1 }, "
        "other: { port: 8081, address: 127.0.0.1 } }",
        "groups: { a: { nodes: a, listeners: public }, b: { nodes: b } }",
        f"routes:\n{routes}",
    )
    warned = [(one.code, one.span) for one in done.diagnostics]
    assert len(warned) == len(set(warned)) == 2


def test_the_runtime_is_a_resource_of_every_group():
    """One layer by RTDS, the same for all; without keys there is none."""
    done = built(
        GATEWAY,
        "groups: { a: { nodes: a, routes: orders }, b: { nodes: b } }",
        "runtime: { a.switch: true, a.number: 5 }",
    )
    a, b = done.fleet
    assert a.snapshot.of(RUNTIME) == b.snapshot.of(RUNTIME)
    assert list(a.snapshot.of(RUNTIME).by_name) == ["gatewright"]
    assert RUNTIME not in built(GATEWAY, "runtime: {}").snapshot.types


def test_the_runtime_has_a_ttl_where_one_is_written():
    """And another version by it."""
    plain = built(GATEWAY, "runtime: { a.switch: true }")
    timed = built(GATEWAY, "runtime: { a.switch: true }", "defaults: { runtime_ttl: 10m }")
    [lasts], [ends] = (one.fleet[0].snapshot.of(RUNTIME).by_name.values() for one in (plain, timed))
    assert lasts.ttl is None
    assert ends.ttl == timedelta(minutes=10)
    assert lasts.body == ends.body
    assert lasts.version != ends.version


def test_a_runtime_ttl_of_less_than_10_s_is_refused():
    """A restart of the control plane would cost the keys."""
    text = policy(GATEWAY, "defaults: { runtime_ttl: 9s }")
    done = compile_sources(sources_of({"gateway.yaml": text}))
    assert [one.code for one in done.diagnostics] == ["runtime-ttl-too-short"]
    assert not built(GATEWAY, "defaults: { runtime_ttl: 10s }").diagnostics


def test_runtime_values_are_envoys():
    """Switches, numbers and texts as they are; shares over the smallest denominator that holds."""
    values = (
        ("a", True),
        ("b", 5),
        ("c", 0.5),
        ("d", "text"),
        ("e", RuntimeShare(50_000)),
        ("f", RuntimeShare(500)),
        ("g", RuntimeShare(1)),
    )
    assert to_json(lower_runtime(Runtime(values, AT)))["layer"] == {
        "a": True,
        "b": 5.0,
        "c": 0.5,
        "d": "text",
        "e": {"numerator": 5.0, "denominator": "HUNDRED"},
        "f": {"numerator": 5.0, "denominator": "TEN_THOUSAND"},
        "g": {"numerator": 1.0, "denominator": "MILLION"},
    }


def test_a_rollouts_defaults():
    """After the canary all nodes; two minutes of ten; whatever fails."""
    listener = "listeners: { local: { port: 8080, address: 127.0.0.1 } }"
    rollout = plan_of(listener, "rollout: { canary: 0.5% }").rollout
    assert rollout == Rollout(
        canary=50,
        then=(10_000,),
        hold=timedelta(minutes=2),
        max_errors=None,
        deadline=timedelta(minutes=10),
        at=AT,
    )
    assert rollout.waves == (50, 10_000)


def test_stars_that_ask_for_nothing_are_nothing():
    """`zone: "*"` is what is not written, and names of certificates do not differ by case."""
    plan = plan_of(
        GATEWAY,
        'groups: { a: { nodes: { cluster: "edge**", zone: "*" }, '
        "identity: [EDGE.example.com, edge.example.com] } }",
    )
    (group,) = plan.groups
    assert group.nodes == NodeMatch(cluster="edge*")
    assert group.identity == ("edge.example.com",)
