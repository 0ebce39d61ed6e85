"""Random REST policies and requests: small words, so that they meet, and odd ones."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

SEGMENTS = ("a", "b", "ab", "v1", "x.y", "A", "%41", "..", ".", "", "%2e", "a;p=1", "a%20b", "~")
HOSTS = ("a.test", "b.a.test", "*.a.test", "*.test", "c.b.a.test")
ASKED = (
    "a.test",
    "b.a.test",
    "A.Test",
    "c.b.a.test:8080",
    "other",
    "x.test",
    "a.test.",
    "a.test:80",
)
METHODS = ("GET", "POST", "PUT", "DELETE")
NAMES = ("x-a", "x-b")
VALUES = ("1", "12", "one", "1one")
CAUSES = ("connect_failure", "reset", "server_error", "gateway_error", "rate_limited")
WORDS = ("200", "404", "429", "500", "502", "503", "reset")
"""What services do with an attempt, one after the other."""
PATTERNS = ("/a/.*", "/[ab]+", "/v[0-9]/.*", "/a(/b)?", ".*b")


def policy(random: Random) -> dict[str, Any]:
    """Draw a policy; `<up1>` to `<up3>` are the ports of its services."""
    return {
        "gatewright": "v1",
        "name": "drawn",
        "listeners": {"public": {"address": "127.0.0.1", "port": 8080}},
        "services": {f"s{n}": {"endpoints": [f"127.0.0.1:<up{n}>"]} for n in (1, 2, 3)},
        "routes": [_route(random, place) for place in range(random.randint(1, 8))],
    }


def _path(random: Random, most: int = 3) -> str:
    plain = ("a", "b", "ab", "v1", "x.y", "A")
    return "/" + "/".join(random.choice(plain) for _ in range(random.randint(0, most)))


def _route(random: Random, place: int) -> dict[str, Any]:
    match: dict[str, Any] = {}
    kind = random.choice(("prefix", "prefix", "path", "regex", "template", ""))
    if kind == "regex":
        match["regex"] = random.choice(PATTERNS)
    elif kind == "template":
        match["template"] = random.choice(("/{x}", "/a/{y}", "/a/{z=**}", "/{p}/{q}", "/v1/*/b"))
    elif kind:
        match[kind] = _path(random) + ("/" if random.random() < 0.2 else "")
    if random.random() < 0.25:
        match["method"] = random.sample(METHODS, random.randint(1, 2))
    for key in ("headers", "query"):
        if random.random() < 0.25:
            match[key] = {
                name: _condition(random) for name in random.sample(NAMES, random.randint(1, 2))
            }
    route: dict[str, Any] = {"name": f"r{place}", "match": match}
    if random.random() < 0.35:
        route["host"] = random.sample(HOSTS, random.randint(1, 2))
    _action(random, route, match, place)
    if random.random() < 0.2:
        route["headers"] = {
            "request": {"set": {"x-a": "set"}, "add": {"x-new": "n"}, "remove": ["x-b"]},
        }
    return route


def _condition(random: Random) -> Any:
    kind = random.choice(("exact", "prefix", "suffix", "contains", "regex", "present", "absent"))
    if kind in ("present", "absent"):
        return {kind: True}
    return {kind: "[0-9]+" if kind == "regex" else random.choice(VALUES)}


def _action(random: Random, route: dict[str, Any], match: dict[str, Any], place: int) -> None:
    kind = random.choice(("service", "service", "respond", "redirect", "split"))
    if kind == "respond":
        route["respond"] = {"status": random.choice((200, 204, 403, 410)), "body": f"r{place}"}
    elif kind == "redirect":
        to: dict[str, Any] = {}
        if random.random() < 0.4:
            to["scheme"] = random.choice(("http", "https"))
        if random.random() < 0.4:
            to["host"] = "new.test"
        if random.random() < 0.3:
            to["port"] = 8443
        which = random.choice(("path", "prefix", ""))
        if which == "path":
            to["path"] = "/moved"
        elif which == "prefix" and ("prefix" in match or not match):
            to["prefix"] = random.choice(("/new", "/", "/new/"))
        if not to:
            to["host"] = "new.test"
        if random.random() < 0.3:
            to["strip_query"] = True
        to["code"] = random.choice((301, 302, 307, 308))
        route["redirect"] = to
    elif kind == "split":
        route["split"] = [{"to": "s1", "weight": random.choice((0, 1))}, {"to": "s2", "weight": 1}]
        if route["split"][0]["weight"]:
            route["split"][1]["weight"] = 0
    else:
        route["service"] = random.choice(("s1", "s2", "s3"))
    if kind in ("service", "split") and random.random() < 0.4:
        causes = random.sample(CAUSES, random.randint(1, 2))
        route["retries"] = {
            "attempts": random.choice((2, 3)),
            "on": causes,
            "backoff": {"base": "1ms", "max": "1ms"},
        }
    if kind in ("service", "split") and random.random() < 0.5:
        route["rewrite"] = _rewrite(random, match)


def _rewrite(random: Random, match: dict[str, Any]) -> dict[str, Any]:
    choices: list[dict[str, Any]] = [
        {"path": "/fixed"},
        {"path": r"/fi\1xed"},
        {"regex": {"match": "^/([a-z]+)", "to": r"/new-\1"}},
        {"regex": {"match": "[0-9]", "to": "#n".replace("#", "")}},
        {"host": "inner.test"},
    ]
    if "prefix" in match or not set(match) & {"path", "regex", "template"}:
        choices += [{"prefix": "/p"}, {"prefix": "/"}, {"prefix": "/p/q/"}]
    if match.get("template") in ("/{x}", "/{p}/{q}"):
        choices.append({"template": "/t/{x}" if match["template"] == "/{x}" else "/{q}/{p}"})
    return random.choice(choices)


def request(
    random: Random, document: Mapping[str, Any]
) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Draw a request: method, target, host, headers; most are meant for a route of the policy."""
    if random.random() < 0.6:
        method, target, host, headers = _aimed(random, random.choice(document["routes"]))
        if random.random() < 0.3:
            words = ",".join(random.choice(WORDS) for _ in range(random.randint(1, 3)))
            headers += [("x-script", words), ("x-id", f"{random.random()}")]
        return method, target, host, headers
    segments = [random.choice(SEGMENTS) for _ in range(random.randint(0, 4))]
    joiner = random.choice(("/", "/", "/", "/", "//", "%2F", "%5c", "\\"))
    target = "/" + joiner.join(segments)
    if random.random() < 0.3:
        pairs = [
            random.choice(NAMES) + random.choice(("", "=", f"={random.choice(VALUES)}"))
            for _ in range(random.randint(0, 3))
        ]
        target += "?" + "&".join(pairs)
    if random.random() < 0.03:
        target += "#f"
    headers = [
        (random.choice(("x-a", "X-A", "x-b")), random.choice(VALUES))
        for _ in range(random.choice((0, 0, 1, 2)))
    ]
    if random.random() < 0.03:
        headers.append(("x_a", "1"))
    return random.choice(METHODS), target, random.choice(ASKED), headers


def _aimed(random: Random, route: Mapping[str, Any]) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Draw a request that a route may take, most of its conditions met."""
    match = route["match"]
    if "regex" in match:
        path = random.choice(("/a/x", "/ab", "/v1/b", "/a/b", "/x.y/b", "/a"))
    elif "template" in match:
        path = random.choice(("/a", "/a/b", "/a/b/c", "/v1/x/b", "/ab/", "/a/"))
    else:
        path = match.get("prefix", match.get("path", "/a"))
        if "prefix" in match:
            path += random.choice(("", "/", "/b", "b", "//b", "/%62?x-a=1", "?x-b"))
    query = [
        f"{name}={_value(random, condition)}"
        for name, condition in match.get("query", {}).items()
        if "absent" not in condition
    ]
    if query:
        path += ("&" if "?" in path else "?") + "&".join(query)
    headers = [
        (name, _value(random, condition))
        for name, condition in match.get("headers", {}).items()
        if "absent" not in condition
    ]
    host = random.choice(route.get("host", ASKED)).replace("*", random.choice(("x", "b.x")))
    return random.choice(match.get("method", METHODS)), path, host, headers


def _value(random: Random, condition: Mapping[str, Any]) -> str:
    ((kind, text),) = condition.items()
    if random.random() < 0.15 or kind == "present":
        return random.choice(VALUES)
    if random.random() < 0.15:
        return random.choice((f"{text}9", f"9{text}", "one2", "2one"))
    return {"regex": "12", "suffix": f"9{text}", "exact": text}.get(kind, f"{text}9")
