"""A status as a table for a terminal; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_VERSION: Final = 8
_HEADER: Final = ("NODE", "GROUP", "WAVE", "STATE", "TYPES", "SEEN", "AGENT")
# Envoy's own words for what it subscribes to: short, and known to those who read this.
_SHORT: Final = {
    "cluster": "cds",
    "endpoint": "eds",
    "listener": "lds",
    "route": "rds",
    "scoped_route": "srds",
    "virtual_host": "vhds",
    "secret": "sds",
    "extension": "ecds",
    "runtime": "rtds",
    # And ours, which the edge beside it subscribes to.
    "rules": "rules",
    "keys": "keys",
    "revoked": "revoked",
}


def table(status: dict[str, Any], now: float) -> str:
    """Show what is served, each node, and what is wrong; ``now`` is in seconds since 1970."""
    return "\n".join(
        (
            *_heading(status),
            *_wrong(status, now),
            *_drift(status, now),
            *_nodes(status, now),
            *_faults(status),
        )
    )


def _heading(status: dict[str, Any]) -> Iterator[str]:
    if not status["ready"]:
        yield "nothing is served yet"
        return
    commit = f" of {status['revision'][:12]}" if status["revision"] else ""
    part = "served" if status["complete"] else "not served in whole"
    yield f"policy {status['version'][:12]}{commit}: {part}"
    for group in status["groups"]:
        rollout = group["rollout"]
        if rollout["state"] == "idle" and len(status["groups"]) == 1:
            continue
        synced = f"{group['synced']} of {group['nodes']} nodes synced"
        yield f"  {group['name']}: {synced}{_wave(rollout)}"


def _wrong(status: dict[str, Any], now: float) -> Iterator[str]:
    wrong = status.get("wrong")  # a control plane of before has no such field
    if wrong is None:
        return
    commit = f" of {wrong['revision'][:12]}" if wrong["revision"] else ""
    yield f"the newest policy{commit} is wrong, and not served ({_ago(now - wrong['at'])} ago):"
    for one in wrong["errors"]:
        place = f"{one['place']}: " if one["place"] else ""
        yield f"  {_printable(place + one['message'])}"


def _drift(status: dict[str, Any], now: float) -> Iterator[str]:
    for one in status.get("revoked", ()):  # likewise
        yield f"revoked ahead of the policy: {one['id']}, {_ago(now - one['since'])} ago"


def _wave(rollout: dict[str, Any]) -> str:
    if rollout["candidate"] is not None:
        return (
            f", wave {rollout['wave']} of {len(rollout['waves'])} ({rollout['share']:.0%}) has "
            f"{rollout['candidate'][:12]}, {rollout['state']}: waits for {rollout['waits_for']}"
        )
    if rollout["waiting"] is not None:
        reason = rollout["quarantined"].get(rollout["waiting"], "")
        return f", {rollout['waiting'][:12]} is quarantined: {_printable(reason)}"
    return ""


def _nodes(status: dict[str, Any], now: float) -> Iterator[str]:
    rows = [_HEADER, *(_row(node, now) for node in status["nodes"])]
    if len(rows) == 1:
        yield "no node is connected"
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(node: dict[str, Any], now: float) -> tuple[str, ...]:
    name = _printable(node["id"])
    if node["streams"] > 1:
        name += f" ({node['streams']} streams)"
    wave = "-" if node["wave"] is None else str(node["wave"])
    return (
        name,
        node["group"],
        wave + (" new" if node["serves"] == "candidate" else ""),
        node["state"] if node["connected"] else "GONE",
        " ".join(_types(node["types"])),
        f"{_ago(now - node['seen'])} ago",
        _printable(node["agent"]),
    )


def _types(types: dict[str, Any]) -> Iterator[str]:
    for word, told in types.items():
        state = "" if told["state"] == "SYNCED" else f"!{told['state']}"
        yield f"{_SHORT.get(word, word)}:{told['version'][:_VERSION]}{state}"


def _faults(status: dict[str, Any]) -> Iterator[str]:
    shown: set[tuple[str, str, str]] = set()
    for group in status["groups"]:
        for one in group["refused"]:
            shown.add((one["type"], one["resource"], one["error"]))
            yield _refused(one["node"], one["type"], one)
        for one in group["held"]:
            yield f"waits for a secret: {one['type']} {_printable(one['resource'])}"
    for node in status["nodes"]:
        for word, told in node["types"].items():
            for one in told["refused"]:
                if (word, one["resource"], one["error"]) not in shown:
                    yield _refused(node["id"], word, one)
    for one in status["secrets"]:
        kept = "; its last value is served on" if one["kept"] else ""
        yield f"secret {_printable(one['source'])}: {_printable(one['reason'])}{kept}"


def _refused(node: str, word: str, one: dict[str, Any]) -> str:
    place = f"{one['place']}: " if one["place"] else ""
    what = f"{word} {_printable(one['resource'])}"
    return f"{place}{_printable(node)} refused {what}: {_printable(one['error'])}"


def _printable(text: str) -> str:
    """Take out what a terminal would obey: nodes name themselves, and errors quote them."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _ago(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole}s"
    return f"{whole // 60}m" if whole < 7_200 else f"{whole // 3600}h"
