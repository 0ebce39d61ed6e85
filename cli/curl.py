"""A curl command line as the request that it would send. Pure, but for files that it names.

Source: curl's manual page. What says how curl itself behaves (silence, timeouts, files for output)
is passed over; what would change the request in a way that is not known here is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final
from urllib.parse import quote, urlsplit

Read = Callable[[str], bytes]
"""Gives the contents of a file that a command line names; `-` is standard input."""

_SHORT: Final = {
    "X": "request",
    "H": "header",
    "d": "data",
    "G": "get",
    "I": "head",
    "A": "user-agent",
    "e": "referer",
    "b": "cookie",
    "u": "user",
    "o": "output",
    "w": "write-out",
    "m": "max-time",
    "x": "proxy",
    "E": "cert",
    "D": "dump-header",
    "c": "cookie-jar",
}
_PASSED_OVER: Final = frozenset(
    [
        "silent",
        "show-error",
        "include",
        "verbose",
        "insecure",
        "location",
        "fail",
        "fail-with-body",
        "compressed",
        "no-buffer",
        "http1.1",
        "http2",
        "http2-prior-knowledge",
        "ipv4",
        "ipv6",
        "globoff",
        "progress-bar",
        "path-as-is",
        "no-keepalive",
        "remote-name",
        "disable",
    ]
)
_PASSED_OVER_WITH_VALUE: Final = frozenset(
    [
        "output",
        "write-out",
        "max-time",
        "connect-timeout",
        "retry",
        "retry-delay",
        "resolve",
        "connect-to",
        "cacert",
        "capath",
        "proxy",
        "noproxy",
        "dump-header",
        "cookie-jar",
        "interface",
        "limit-rate",
    ]
)
_FLAGS: Final = frozenset({"get", "head"})
_VALUES: Final = frozenset(
    [
        "request",
        "header",
        "data",
        "data-raw",
        "data-ascii",
        "data-binary",
        "data-urlencode",
        "json",
        "user-agent",
        "referer",
        "cookie",
        "user",
        "oauth2-bearer",
        "url",
    ]
)
_LONG_OF_FLAG: Final = {
    "s": "silent",
    "S": "show-error",
    "i": "include",
    "v": "verbose",
    "k": "insecure",
    "L": "location",
    "f": "fail",
    "N": "no-buffer",
    "g": "globoff",
    "O": "remote-name",
    "4": "ipv4",
    "6": "ipv6",
    "q": "disable",
    "#": "progress-bar",
}


class CurlError(ValueError):
    """The command line cannot be read; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True)
class CurlRequest:
    """What curl would send: ``port`` is that of the URL, None where it says none."""

    method: str = ""
    host: str = ""
    port: int | None = None
    path: str = "/"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None


def parse_curl(words: Sequence[str], read: Read) -> CurlRequest:
    """Read the words behind `curl`.

    Raises:
        CurlError: an option is not known, its value is missing, or there is no URL.
    """
    made = CurlRequest()
    urls: list[str] = []
    parts: list[bytes] = []
    flags: set[str] = set()
    json = False
    for option, value in _options(words, urls):
        match option:
            case "request":
                made.method = value
            case "header":
                _add_header(made.headers, value, read)
            case "data" | "data-ascii":
                parts.append(_without_lines(_file_or_text(value, read), value))
            case "data-binary":
                parts.append(_file_or_text(value, read))
            case "data-raw":
                parts.append(_bytes(value))
            case "data-urlencode":
                parts.append(_encoded(value, read))
            case "json":
                json = True
                parts.append(_file_or_text(value, read))
            case "user-agent":
                made.headers.append(("user-agent", value))
            case "referer":
                made.headers.append(("referer", value))
            case "cookie":
                made.headers.append(("cookie", value))
            case "user":
                token = base64.b64encode(_bytes(value)).decode()
                made.headers.append(("authorization", f"Basic {token}"))
            case "oauth2-bearer":
                made.headers.append(("authorization", f"Bearer {value}"))
            case "url":
                urls.append(value)
            case _:
                flags.add(option)
    if not urls:
        raise CurlError("there is no URL", "write it as curl takes it: http://localhost:8080/v1")
    if len(urls) > 1:
        raise CurlError(f"there are {len(urls)} URLs", "explain one request at a time")
    _address(made, urls[0])
    if parts:
        _add_data(made, parts, json=json, get="get" in flags)
    made.method = made.method or (
        "HEAD" if "head" in flags else "POST" if made.body is not None else "GET"
    )
    return made


def _options(words: Sequence[str], urls: list[str]) -> list[tuple[str, str]]:
    """Give the options by their long names, each with its value; what is none is a URL."""
    found: list[tuple[str, str]] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            urls += left
            break
        if word.startswith("--"):
            name = word[2:]
            if name in _VALUES | _PASSED_OVER_WITH_VALUE:
                found.append((name, _value(word, left)))
            elif name in _FLAGS:
                found.append((name, ""))
            elif name not in _PASSED_OVER:
                raise _unknown(word, name)
        elif word.startswith("-") and len(word) > 1:
            found += _letters(word, left)
        else:
            urls.append(word)
    return [(name, value) for name, value in found if name not in _PASSED_OVER_WITH_VALUE]


def _letters(word: str, left: list[str]) -> list[tuple[str, str]]:
    """Read letters behind one dash: `-sSi`, `-XPOST`, `-sX POST`."""
    found: list[tuple[str, str]] = []
    for place, letter in enumerate(word[1:], 1):
        if letter in _LONG_OF_FLAG:
            continue
        name = _SHORT.get(letter)
        if name is None or name == "cert":
            raise _unknown(f"-{letter}", "")
        if name in _FLAGS:
            found.append((name, ""))
            continue
        rest = word[place + 1 :]
        found.append((name, rest or _value(f"-{letter}", left)))
        break
    return found


def _value(option: str, left: list[str]) -> str:
    if not left:
        raise CurlError(f"curl's {option} wants a value")
    return left.pop(0)


def _unknown(word: str, name: str) -> CurlError:
    known = sorted(_VALUES | _FLAGS | _PASSED_OVER | _PASSED_OVER_WITH_VALUE)
    close = get_close_matches(name, known, n=1) if name else []
    if close:
        return CurlError(f"curl's {word} is not known here", f"did you mean --{close[0]}?")
    if name in ("form", "form-string", "upload-file") or word in ("-F", "-T"):
        hint = "write the body with --data-binary and its content-type with -H"
        return CurlError(f"curl's {word} is not read here", hint)
    if name in ("cert", "key") or word == "-E":
        hint = "say whose certificate it is with --certificate NAME, before `curl`"
        return CurlError(f"curl's {word} is not read here", hint)
    return CurlError(f"curl's {word} is not known here", "leave it out if it changes no request")


def _address(made: CurlRequest, url: str) -> None:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        made.port = parts.port
    except ValueError as error:
        raise CurlError(f"the URL cannot be read: {error}") from None
    given = [value for name, value in made.headers if name.lower() == "host"]
    made.headers = [pair for pair in made.headers if pair[0].lower() != "host"]
    made.host = given[-1] if given else parts.netloc.rpartition("@")[2]
    made.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _add_header(headers: list[tuple[str, str]], text: str, read: Read) -> None:
    if text.startswith("@"):
        for line in read(text[1:]).decode("utf-8", "replace").splitlines():
            if line.strip():
                _add_header(headers, line, read)
        return
    name, colon, value = text.partition(":")
    if colon and value.strip():
        headers.append((name.strip(), value.strip()))
    elif not colon and text.endswith(";"):
        headers.append((text[:-1].strip(), ""))
    elif not colon:
        # It may be a key whose header's name was forgotten: it is not told.
        raise CurlError("what -H says has no colon", "write `-H 'name: value'`")


def _add_data(made: CurlRequest, parts: list[bytes], *, json: bool, get: bool) -> None:
    body = (b"" if json else b"&").join(parts)
    if get:
        made.path += ("&" if "?" in made.path else "?") + body.decode("utf-8", "replace")
        return
    made.body = body
    names = {name.lower() for name, _ in made.headers}
    kind = "application/json" if json else "application/x-www-form-urlencoded"
    if "content-type" not in names:
        made.headers.append(("content-type", kind))
    if json and "accept" not in names:
        made.headers.append(("accept", kind))


def _file_or_text(value: str, read: Read) -> bytes:
    return read(value[1:]) if value.startswith("@") else _bytes(value)


def _bytes(text: str) -> bytes:
    """Give a word of the command line as the bytes that it came as."""
    return text.encode("utf-8", "surrogateescape")


def _without_lines(data: bytes, value: str) -> bytes:
    """`-d @file` leaves line ends out, as curl does."""
    if not value.startswith("@"):
        return data
    return data.replace(b"\r", b"").replace(b"\n", b"")


def _encoded(value: str, read: Read) -> bytes:
    """Read `text`, `=text`, `name=text`, `@file` or `name@file`."""
    name, sign, text = value.partition("=" if "=" in value else "@")
    if not sign:
        name, text = "", value
    data = read(text) if sign == "@" else _bytes(text)
    return _bytes(f"{name}=" if name else "") + quote(data, safe="").encode()
