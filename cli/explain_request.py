"""What becomes of a request: from words, from curl's, or from lines of an access log."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import exits
from cli.policy import existing, is_there, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from compiler.pipeline import Compiled
    from compiler.plan import Plan

_METHOD = re.compile("[A-Z]{1,32}")
_DIGITS = 18
_ASKED = (
    *("model", "stream", "tool", "method", "header", "data", "host", "listener", "client", "at"),
    *("key", "claims", "issuer", "certificate", "given", "used", "cooling", "away"),
)
"""The options that say what is asked, by whom, and in which world."""


class _WordsError(ValueError):
    """The words make no request."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def explain_request(args: argparse.Namespace, rest: list[str], curl: list[str] | None) -> int:
    """Explain a request; exit code 1 where the policy has errors, or a name leads nowhere."""
    from compiler.pipeline import compile_path

    try:
        if args.log:
            _nothing_beside_log(args, curl)
        said, rest = ({}, rest) if args.log else _said(args, rest, curl)
    except _WordsError as error:
        return _usage(error)
    if len(rest) > (args.policy is None):
        hint = "quote the request: 'GET /orders'"
        return _usage(_WordsError(f"`{rest[0]}` says nothing here", hint))
    policy = args.policy or (Path(rest[0]) if rest else Path())
    compiled = compile_path(existing(policy), until="plan")
    if not compiled.ok:
        show(compiled, "text")
        return exits.POLICY
    if args.log:
        from cli.explain_log import explain_log

        return explain_log(args.log, compiled.plan, as_json=args.json)
    try:
        return _explained(args, said, compiled)
    except _WordsError as error:
        return _usage(error)


def _nothing_beside_log(args: argparse.Namespace, curl: list[str] | None) -> None:
    said = [f"--{name}" for name in _ASKED if getattr(args, name)]
    said += ["curl"] if curl is not None else []
    if said:
        raise _WordsError(f"`{said[0]}` says nothing beside --log", "the log says what was asked")


def _explained(args: argparse.Namespace, said: dict[str, Any], compiled: Compiled) -> int:
    from datetime import UTC, datetime

    from pydantic import ValidationError

    from compiler.decide.decide import decide
    from compiler.expectations.asked import request_of
    from compiler.expectations.given import world_of
    from compiler.render.trace import trace_data, trace_text
    from compiler.schema.given import GivenDocument
    from compiler.schema.tests import RequestDocument

    port = said.pop("port", None)
    plan = compiled.plan
    if port is not None and not said.get("listener"):
        said["listener"] = next((one.name for one in plan.listeners if one.port == port), None)
    try:
        asked = RequestDocument.model_validate({k: v for k, v in said.items() if v is not None})
        given = GivenDocument.model_validate(_given(args))
    except ValidationError as error:
        raise _invalid(error) from None
    problems = list(_unknown(asked, given, plan))
    if problems:
        for problem in problems:
            print(f"gatewright explain: {problem}", file=sys.stderr)
        return exits.POLICY
    request = request_of(asked, plan)
    world = world_of(given, plan, asked.at or datetime.now(UTC))
    trace = decide(plan, request, world)
    if args.json:
        print(json.dumps(trace_data(trace, request, world), indent=2, ensure_ascii=False))
    else:
        print(trace_text(trace, request, world))
    return exits.OK


def _said(
    args: argparse.Namespace, rest: list[str], curl: list[str] | None
) -> tuple[dict[str, Any], list[str]]:
    """Give what is said of the request by the keys of the language, and the words that are left."""
    said: dict[str, Any] = {}
    if curl is not None:
        said = _of_curl(curl)
    else:
        says_more = bool(args.model or args.stream or args.tool)
        said, rest = _of_words(rest, says_more=says_more)
    headers: dict[str, list[str]] = said.setdefault("headers", {})
    for header in args.header or ():
        name, colon, value = header.partition(":")
        if not colon:
            # It may be a key whose header's name was forgotten: it is not told.
            raise _WordsError("what --header says has no colon", "write -H 'name: value'")
        headers.setdefault(name.strip(), []).append(value.strip())
    if args.data is not None:
        said["body"] = _body(_read(args.data[1:]) if args.data.startswith("@") else args.data)
    plain = {
        "method": args.method,
        "host": args.host,
        "listener": args.listener,
        "client": args.client,
        "model": args.model,
        "key": args.key,
        "issuer": args.issuer,
        "certificate": args.certificate,
        "at": args.at,
        "stream": True if args.stream else None,
        "tools": args.tool,
        "claims": _claims(args.claims),
    }
    said.update({key: value for key, value in plain.items() if value is not None})
    return said, rest


def _of_words(rest: list[str], *, says_more: bool) -> tuple[dict[str, Any], list[str]]:
    """Read `'GET /orders'`, `GET /orders`, `/orders` or a URL; a policy may follow.

    Where options say what is asked for, a path that is there on this machine is the policy's.
    """
    said: dict[str, Any] = {}
    words = list(rest)
    if words and " " in words[0] and not is_there(words[0]):
        words[:1] = words[0].split()
    if len(words) > 1 and _METHOD.fullmatch(words[0]):
        said["method"] = words.pop(0)
        if not _is_target(words[0]):
            raise _WordsError(f"`{words[0]}` is no path", "a path begins with `/`")
    if says_more and len(words) == 1 and is_there(words[0]):
        return said, words
    if words and _is_target(words[0]):
        target = words.pop(0)
        if "://" in target:
            said.update(_of_curl([target], method=said.get("method")))
        else:
            said["path"] = target
    return said, words


def _is_target(word: str) -> bool:
    return word.startswith(("/", "http://", "https://"))


def _of_curl(words: list[str], method: str | None = None) -> dict[str, Any]:
    from cli.curl import CurlError, parse_curl

    try:
        made = parse_curl(words, lambda name: _read(name).encode())
    except CurlError as error:
        raise _WordsError(str(error), error.hint) from None
    headers: dict[str, list[str]] = {}
    for name, value in made.headers:
        headers.setdefault(name, []).append(value)
    said: dict[str, Any] = {
        "method": method or made.method,
        "host": made.host,
        "port": made.port,
        "path": made.path,
        "headers": headers,
    }
    if made.body is not None:
        try:
            said["body"] = _body(made.body.decode())
        except UnicodeDecodeError:
            raise _WordsError("the body is no UTF-8") from None
    return said


def _body(text: str) -> Any:
    """A JSON object may be added to; anything else is sent as it is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict) else text


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise exits.CannotRunError(f"{name} cannot be read: {error}") from None


def _claims(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _WordsError("--claims is no JSON object", """write --claims '{"tenant": "acme"}'""")
    return found


def _given(args: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, what in _pairs(args.given, "--given", split=True):
        given.setdefault(name, []).append(_number(what))
    used = {name: _number(what) for name, what in _pairs(args.used, "--used", split=False)}
    if used:
        given["used"] = used
    if args.cooling:
        given["cooling"] = args.cooling
    given.update(dict.fromkeys(args.away or (), "away"))
    return given


def _pairs(texts: list[str] | None, option: str, *, split: bool) -> Iterator[tuple[str, str]]:
    for text in texts or ():
        for part in text.split(",") if split else [text]:
            name, equals, what = part.strip().rpartition("=")
            if not equals or not name:
                raise _WordsError(f"{option}: `{part}` is no NAME=VALUE")
            yield name, what


def _number(text: str) -> Any:
    """A number that is too long for one is refused as a text, with its place."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else text


def _unknown(asked: Any, given: Any, plan: Plan) -> Iterator[str]:
    """Say which names of the policy are none; a model that is not there is an answer too."""
    from compiler.diagnostic import did_you_mean
    from compiler.expectations.names import names_of

    names = names_of(plan)
    sought: list[tuple[str, str | None, Mapping[str, Any]]] = [
        ("key", asked.key, names.keys),
        ("issuer", asked.issuer, names.issuers),
        ("listener", asked.listener, names.listeners),
        *(("service, provider or target", one, names.upstreams) for one in given.model_extra or {}),
        *(("limit", one, names.limits) for one in given.used),
        *(("provider", one, names.providers) for one in given.cooling),
    ]
    for kind, name, known in sought:
        if name is not None and name not in known:
            close = did_you_mean(name, known)
            hint = "" if close is None else f"\n  = help: did you mean `{close}`?"
            yield f"the policy has no {kind} `{name}`{hint}"


def _invalid(error: Any) -> _WordsError:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"] if isinstance(step, str))
    hint = (first.get("ctx") or {}).get("hint", "")
    return _WordsError(f"{place}: {first['msg']}", hint)


def _usage(error: _WordsError) -> int:
    print(f"gatewright explain: {error}", file=sys.stderr)
    if error.hint:
        print(f"  = help: {error.hint}", file=sys.stderr)
    return exits.USAGE
