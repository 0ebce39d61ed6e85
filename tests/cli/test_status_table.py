"""The table of `gatewright status`, and when all is well."""

from __future__ import annotations

import copy
from typing import Any

from cli.status import synced
from cli.status_table import table

IDLE: dict[str, Any] = {
    "state": "idle",
    "candidate": None,
    "wave": None,
    "waves": [],
    "share": 0.0,
    "waits_for": "",
    "waiting": None,
    "quarantined": {},
}
NODE = {
    "id": "edge-1",
    "group": "eu",
    "wave": 1,
    "serves": "stable",
    "agent": "envoy 1.40.0",
    "streams": 1,
    "connected": True,
    "seen": 990.0,
    "state": "SYNCED",
    "types": {
        "cluster": {"state": "SYNCED", "version": "55b086da306452c2", "refused": []},
        "listener": {"state": "SYNCED", "version": "071dbd53ae5b2700", "refused": []},
    },
}
STATUS = {
    "ready": True,
    "version": "3097d3bb05a66d14",
    "revision": "9c1f4e0b22aa7766",
    "complete": True,
    "wrong": None,
    "groups": [{"name": "eu", "nodes": 1, "synced": 1, "rollout": IDLE, "refused": [], "held": []}],
    "secrets": [],
    "nodes": [NODE],
}
REFUSED = {
    "resource": "public",
    "version": "v2",
    "error": "address in use",
    "place": "gateway.yaml:4:3",
}


def changed(**facts):
    return {**copy.deepcopy(STATUS), **facts}


def node(**facts):
    return {**copy.deepcopy(NODE), **facts}


def test_a_node_is_a_line():
    """Columns are as wide as their widest cell."""
    assert table(STATUS, 1_000).splitlines() == [
        "policy 3097d3bb05a6 of 9c1f4e0b22aa: served",
        "NODE    GROUP  WAVE  STATE   TYPES                      SEEN     AGENT",
        "edge-1  eu     1     SYNCED  cds:55b086da lds:071dbd53  10s ago  envoy 1.40.0",
    ]
    assert synced(STATUS)


def test_a_refusal_is_told_by_the_policys_line():
    """In the types of the node, and in words below."""
    types = copy.deepcopy(NODE["types"])
    types["listener"] = {"state": "NACKED", "version": "071dbd53", "refused": [REFUSED]}
    told = changed(nodes=[node(state="NACKED", types=types)], complete=False)
    shown = table(told, 1_000)
    assert "lds:071dbd53!NACKED" in shown
    assert "gateway.yaml:4:3: edge-1 refused listener public: address in use" in shown
    assert not synced(told)


def test_a_refusal_that_the_group_tells_is_told_once():
    """The same fault is in the group and in the node."""
    types = {"listener": {"state": "NACKED", "version": "", "refused": [REFUSED]}}
    group = {**STATUS["groups"][0], "refused": [{**REFUSED, "type": "listener", "node": "edge-1"}]}
    told = changed(nodes=[node(state="NACKED", types=types)], groups=[group])
    assert table(told, 1_000).count("address in use") == 1


def test_a_rollout_tells_its_wave_and_what_it_waits_for():
    """And where it was rolled back, why."""
    rolling = {
        **IDLE,
        "state": "rolling",
        "candidate": "aaaabbbbccccdddd",
        "wave": 1,
        "waves": [0.05, 1.0],
        "share": 0.05,
        "waits_for": "the hold to pass",
    }
    told = changed(groups=[{**STATUS["groups"][0], "rollout": rolling}])
    shown = table(told, 1_000)
    assert "wave 1 of 2 (5%) has aaaabbbbcccc, rolling: waits for the hold to pass" in shown
    back = {**IDLE, "waiting": "eeee", "quarantined": {"eeee": "9 of 10 requests failed"}}
    told = changed(groups=[{**STATUS["groups"][0], "rollout": {**back, "state": "quarantined"}}])
    assert "eeee is quarantined: 9 of 10 requests failed" in table(told, 1_000)


def test_a_node_that_left_does_not_count():
    """It is shown as gone, and all is well without it."""
    told = changed(nodes=[node(connected=False, state="STALE", seen=0.0)])
    assert "GONE" in table(told, 10_000)
    assert synced(told)


def test_nothing_served_is_not_well():
    """Nor is a part of the policy that waits for its secret."""
    told = changed(ready=False, complete=False, nodes=[])
    assert table(told, 0).startswith("nothing is served yet\n")
    assert not synced(told)
    held = {**STATUS["groups"][0], "held": [{"type": "cluster", "resource": "provider/one"}]}
    secret = {"source": "env:KEY", "reason": "is not set", "kept": False}
    shown = table(changed(groups=[held], secrets=[secret]), 1_000)
    assert "waits for a secret: cluster provider/one" in shown
    assert "secret env:KEY: is not set" in shown


def test_a_node_cannot_write_to_the_terminal():
    """What it calls itself is shown without what a terminal obeys."""
    assert "\x1b" not in table(changed(nodes=[node(id="\x1b[2Jedge")]), 1_000)


def test_a_wrong_edit_is_told_though_all_nodes_have_the_last_good_one():
    """Who looks at the status must not think that the newest commit is live."""
    error = {"place": "gateway.yaml:26:43", "message": "no such service"}
    status = changed(wrong={"at": 940.0, "revision": "5e" * 20, "errors": [error]})
    shown = table(status, 1_000.0).splitlines()
    assert "the newest policy of 5e5e5e5e5e5e is wrong, and not served (60s ago):" in shown
    assert "  gateway.yaml:26:43: no such service" in shown
    assert not synced(status)


def test_keys_that_are_revoked_ahead_of_the_policy_are_shown():
    """With since when: it is drift until the file says so."""
    text = table(changed(revoked=[{"id": "acme/ci", "since": 900.0, "digests": 1}]), 1_000.0)
    assert "revoked ahead of the policy: acme/ci, 100s ago" in text
