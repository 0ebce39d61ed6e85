"""Random heads of requests, many of them odd: methods, targets of all forms, hosts, upgrades."""

from __future__ import annotations

from random import Random
from typing import Any

from compiler.decide.request import Request

DOCUMENT: dict[str, Any] = {
    "gatewright": "v1",
    "name": "heads",
    "listeners": {"public": {"address": "127.0.0.1", "port": 8080}},
    "routes": [
        {"name": "a", "match": "/a", "host": ["a.test"], "respond": {"status": 203}},
        {"name": "b", "match": "/a", "redirect": {"path": "/b", "port": 8443}},
        {"name": "all", "match": "/", "respond": {"status": 202}},
    ],
}
"""A policy that has nothing to pass on: what is compared is what the gateway itself says."""

_METHODS = ("GET", "GET", "GET", "POST", "OPTIONS", "CONNECT", "MKCOL", "QUERY", "get", "M-SEARCH")
_HOSTS = ("a.test", "A.test.", "b.test:80", "[::1]:443", "", "a_b", "a.test:70000", "a..b", "a@b")
_PATHS = (
    "/",
    "/a",
    "/a/%2e%2e/b",
    "/a%00",
    "/a%2fb",
    "//a",
    "?a",
    "",
    "/a?b=%00",
    "/a#b",
    "/a?b#c",
)
_ODD = (*' "#%/:<>?@[\\]^`{|}~*_-$&+,;=', "\u00e9", "\x7f", "\x01", "%00", "..")
_SCHEMES = ("http", "HTTP", "https", "ws", "h2", "1")
_UPGRADES = ("websocket", "h2c", "H2C", "foo", "h2c, foo")
_CONNECTIONS = ("upgrade", "Upgrade, keep-alive", "keep-alive", "upgrade,http2-settings")


def request(random: Random) -> Request:
    """Draw a request; what stands in one place of it is odd now and then."""
    method, host, target = random.choice(_METHODS), random.choice(_HOSTS), _target(random)
    headers: list[tuple[str, str]] = []
    if random.random() < 0.2:
        headers.append(("upgrade", random.choice(_UPGRADES)))
        headers.append(("connection", random.choice(_CONNECTIONS)))
    if random.random() < 0.3:
        headers.append(("content-type", random.choice(("text/plain", ""))))
    if random.random() < 0.1:
        headers.append((random.choice(("x-a", "x_a", "x a", "x(a", "x~a")), _odd(random, "one")))
    return Request(method, target, _odd(random, host), tuple(headers))


def _target(random: Random) -> str:
    path = _odd(random, random.choice(_PATHS))
    form = random.random()
    if form < 0.4:
        return path.strip() or "/"
    if form < 0.5:
        return random.choice(("*", "*?a", "*/a", "**"))
    host = _odd(random, random.choice(_HOSTS)).strip()
    if form < 0.6:
        return host or "a"
    who = random.choice(("", "", "", "u@", "u:p@", "@"))
    return f"{random.choice(_SCHEMES)}://{who}{host}{path}".strip()


def _odd(random: Random, text: str) -> str:
    """Put an odd character somewhere into one of ten texts."""
    if random.random() < 0.9:
        return text
    place = random.randint(0, len(text))
    return (text[:place] + random.choice(_ODD) + text[place:]).strip()
