"""Requests of which `decide` once said what Envoy does not do, or which only Envoy can teach.

Each has a name, its routes, the request, and what becomes of it: the status, and what the service
is asked for or where the client is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compiler.decide.request import Request

PUBLIC = {"public": {"address": "127.0.0.1", "port": 8080}}
SERVICES = {f"s{n}": {"endpoints": [f"127.0.0.1:<up{n}>"]} for n in (1, 2, 3)}


@dataclass(frozen=True, slots=True)
class Regression:
    """``leads`` is what follows the status: `s1 /path host` or a location."""

    name: str
    routes: tuple[dict[str, Any], ...]
    asked: Request
    status: int
    leads: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The whole policy."""
        routes = [{"name": f"r{n}", **route} for n, route in enumerate(self.routes)]
        return {
            "gatewright": "v1",
            "name": "regression",
            "listeners": PUBLIC,
            "services": SERVICES,
            "routes": routes,
        }


def _to(match: Any, **more: Any) -> dict[str, Any]:
    return {"match": match, "service": "s1", **more}


_ANY = (_to({"prefix": "/"}),)
_A = (_to({"prefix": "/a"}),)
_UPGRADE = (("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade"))

REGRESSIONS = (
    Regression(
        "dots lead no further up than the root",
        _ANY,
        Request(target="/a/../../b"),
        200,
        "s1 /b localhost",
    ),
    Regression(
        "a last dot leaves its slash", _ANY, Request(target="/a/."), 200, "s1 /a/ localhost"
    ),
    Regression(
        "escaped dots are dots", _ANY, Request(target="/a/%2e%2E/b"), 200, "s1 /b localhost"
    ),
    Regression(
        "of nothing but slashes two are left", _ANY, Request(target="///"), 200, "s1 // localhost"
    ),
    Regression(
        "doubled slashes are one, the last one stays",
        _ANY,
        Request(target="/a//b//"),
        200,
        "s1 /a/b/ localhost",
    ),
    Regression("a backslash is a slash", _ANY, Request(target="/a\\b"), 200, "s1 /a/b localhost"),
    Regression(
        "an escaped slash sends the client to the plain path",
        _ANY,
        Request(target="/a%2Fb?x"),
        307,
        "/a/b?x",
    ),
    Regression(
        "what need not be escaped is not", _A, Request(target="/%61/%7E"), 200, "s1 /a/~ localhost"
    ),
    Regression("a fragment is refused", _ANY, Request(target="/a#b"), 400),
    Regression(
        "a header's name with an underscore is refused", _ANY, Request(headers=(("x_a", "1"),)), 400
    ),
    Regression("a prefix is of whole segments", _A, Request(target="/ab"), 404),
    Regression("a path's case counts", _A, Request(target="/A"), 404),
    Regression(
        "a host's port, case and last dot mean nothing",
        (_to({"prefix": "/"}, host=["a.test"]),),
        Request(host="A.Test.:8080"),
        200,
        "s1 / A.Test:8080",
    ),
    Regression(
        "a wildcard's routes take what the exact host's routes leave",
        (
            _to({"path": "/x"}, host=["a.test"]),
            {**_to({"prefix": "/"}, host=["*.test"]), "service": "s2"},
        ),
        Request(host="a.test", target="/y"),
        200,
        "s2 /y a.test",
    ),
    Regression(
        "one value of a header is enough",
        (_to({"prefix": "/", "headers": {"x-a": {"exact": "1"}}}),),
        Request(headers=(("x-a", "2"), ("X-A", "1"))),
        200,
        "s1 / localhost",
    ),
    Regression(
        "the first value of a query's parameter counts",
        (_to({"prefix": "/", "query": {"x-a": {"exact": "1"}}}),),
        Request(target="/?x-a=2&x-a=1"),
        404,
    ),
    Regression(
        "a parameter without a value is present",
        (_to({"prefix": "/", "query": {"x-a": {"present": True}}}),),
        Request(target="/?x-a"),
        200,
        "s1 /?x-a localhost",
    ),
    Regression(
        "a prefix that becomes the root leaves one slash",
        (_to({"prefix": "/a"}, rewrite={"prefix": "/"}),),
        Request(target="/a/b"),
        200,
        "s1 /b localhost",
    ),
    Regression(
        "a prefix with a slash at its end is replaced whole",
        (_to({"prefix": "/a/"}, rewrite={"prefix": "/p/q/"}),),
        Request(target="/a/b?c=1"),
        200,
        "s1 /p/q/b?c=1 localhost",
    ),
    Regression(
        "a rewrite's pattern is replaced wherever it is found",
        (_to({"prefix": "/"}, rewrite={"regex": {"match": "[0-9]", "to": "n"}}),),
        Request(target="/1/2?3"),
        200,
        "s1 /n/n?3 localhost",
    ),
    Regression(
        "a template's variable of two stars may be empty",
        (_to({"template": "/a/{z=**}"}),),
        Request(target="/a/"),
        200,
        "s1 /a/ localhost",
    ),
    Regression(
        "a redirect to another scheme leaves the old scheme's port behind",
        ({"match": {"prefix": "/"}, "redirect": {"scheme": "https", "code": 308}},),
        Request(host="a.test:80", target="/x?y"),
        308,
        "https://a.test/x?y",
    ),
    Regression(
        "a redirect keeps any other port",
        ({"match": {"prefix": "/"}, "redirect": {"scheme": "https", "code": 308}},),
        Request(host="a.test:8080"),
        308,
        "https://a.test:8080/",
    ),
    Regression(
        "a redirect to a port replaces whatever was written as one",
        ({"match": {"prefix": "/"}, "redirect": {"port": 8443}},),
        Request(host="a.test:7*"),
        302,
        "http://a.test:8443/",
    ),
    Regression(
        "headers that are set replace what the client sent",
        (_to({"prefix": "/"}, headers={"request": {"set": {"x-a": "set"}, "remove": ["x-b"]}}),),
        Request(headers=(("x-a", "1"), ("x-b", "2"))),
        200,
        "s1 / localhost",
    ),
    Regression("a request cannot be CONNECT to a path", _ANY, Request("CONNECT"), 400),
    Regression("nobody is led through to a host", _ANY, Request("CONNECT", "a.test:443"), 404),
    Regression("CONNECT needs a port", _ANY, Request("CONNECT", "a.test"), 400),
    Regression("no port is above 65535", _ANY, Request("CONNECT", "a.test:65536"), 400),
    Regression("nor is a long one", _ANY, Request("CONNECT", "a.test:1" + "0" * 9), 400),
    Regression("a method's case counts", _ANY, Request("get"), 400),
    Regression("a method that Envoy does not know is refused", _ANY, Request("M-SEARCH"), 400),
    Regression("QUERY has to say its content type", _ANY, Request("QUERY"), 400),
    Regression(
        "where it does it is a method like others",
        ({"match": {"prefix": "/"}, "respond": {"status": 200}},),
        Request("QUERY", headers=(("content-type", "text/plain"),)),
        200,
    ),
    Regression("one of WebDAV is known", _ANY, Request("MKCOL"), 200, "s1 / localhost"),
    Regression("what begins with a star is of no route", _ANY, Request("OPTIONS", "*x"), 404),
    Regression("a star is of OPTIONS alone", _ANY, Request("GET", "*"), 400),
    Regression(
        "a whole URL says the host, whatever the header says",
        (_to({"prefix": "/"}, host=["a.test"]),),
        Request(target="http://u:p@A.test.:80/x/../y?z", host="b.test"),
        200,
        "s1 /y?z A.test:80",
    ),
    Regression(
        "a whole URL without a path is of the root",
        _ANY,
        Request(target="http://[::1]"),
        200,
        "s1 / [::1]",
    ),
    Regression("a URL with a query needs a path", _ANY, Request(target="http://a.test?x"), 404),
    Regression("a URL of TLS is refused without it", _ANY, Request(target="https://a.test/"), 403),
    Regression("a URL of another scheme is refused", _ANY, Request(target="ws://a.test/"), 400),
    Regression("in brackets stands an address", _ANY, Request(target="http://[::1.]/"), 400),
    Regression("a URL's host is plain", _ANY, Request(target="http://a_b/"), 400),
    Regression(
        "whatever follows a host's last colon is its port",
        (_to({"prefix": "/"}, host=["a.test"]),),
        Request(host="a.test.:7*"),
        200,
        "s1 / a.test:7*",
    ),
    Regression(
        "a host that a URL takes the place of is looked at, too",
        _ANY,
        Request(target="http://a.test/", host="\x01"),
        400,
    ),
    Regression("a host has no slash", _ANY, Request(host="a/b"), 400),
    Regression("a path is of ASCII", _ANY, Request(target="/\u00e9"), 400),
    Regression("a query is, too", _ANY, Request(target="/?\u00e9"), 400),
    Regression("a path has no zero byte", _ANY, Request(target="/a%00"), 400),
    Regression("a query may", _ANY, Request(target="/?%00"), 200, "s1 /?%00 localhost"),
    Regression(
        "a header has no control characters", _ANY, Request(headers=(("x-a", "\x01"),)), 400
    ),
    Regression("no other protocol is spoken", _ANY, Request(headers=_UPGRADE), 403),
    Regression("a route is looked for before that", _A, Request(headers=_UPGRADE), 404),
    Regression(
        "an offer of HTTP/2 is passed over",
        ({"match": {"prefix": "/"}, "respond": {"status": 200}},),
        Request(headers=(("upgrade", "h2c"), ("connection", "upgrade"))),
        200,
    ),
)
