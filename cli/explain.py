"""`gatewright explain`: what becomes of a request, what a tenant may, what made a resource."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from cli import exits

NAME: Final = "explain"

_EPILOG: Final = """\
examples:
  gatewright explain 'POST /v1/chat/completions' --model fast --key acme/ci
  gatewright explain --model fast --key acme/ci --given openai=429,claude=timeout gateway.yaml
  gatewright explain curl -X POST http://localhost:8080/v1/messages -H 'x-team: a' -d @body.json
  gatewright explain --log access.log              lines of an access log of ours; `-`: stdin
  gatewright explain tenant acme                   what it may in the end, and from where
  gatewright explain resource cluster/service/orders          what made a resource of Envoy's
  gatewright explain resource listener/public access_log      ... or a part of it

What a request is not said to have is as a client of the API would send it. Who asks is said by the
id of a key (--key), by the claims of a token, or by a name in a certificate; a key itself may stand
in a header, and is not shown. Each step of the trace has the line of the policy that it comes from.
Behind `curl` stand curl's own words; options of ours stand before it.

What is given of providers and services: a status, or connect_failure, timeout, stall, cut,
cut_later, in_band, context_exceeded, content_filter; several for one are answers in turn.

exit codes: 0 shown; 1 the policy has errors, or there is no such name; 2 wrong options; 3 a file
cannot be read
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `explain` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="show what becomes of a request, and by which lines of the policy",
        description="Show what becomes of a request: route, identity, limits, targets in order, "
        "each with its line of the policy. Or what a tenant may, or what made a resource of "
        "Envoy's.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # The words of curl are not ours to judge: all is taken as it is, and read again by `run`.
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="WORDS",
        help="a request (`GET /orders`, a URL, curl's words), `tenant NAME` or `resource "
        "TYPE/NAME [FIELD]`; and then the policy, a file or a folder (default: this folder)",
    )
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--policy", type=Path, metavar="PATH", help="the policy, where words do not name it")
    add("--json", action="store_true", help="print it as JSON")
    request = parser.add_argument_group("the request")
    add = request.add_argument
    add("--model", metavar="NAME", help="the model that is asked for, in the body")
    add("--stream", action="store_true", help="ask for a stream, in the body")
    add("--tool", action="append", metavar="NAME", help="a function that is offered to the model")
    add("-X", "--method", metavar="METHOD", help="POST where there is a body, else GET")
    add("-H", "--header", action="append", metavar="'NAME: VALUE'", help="a header")
    add("-d", "--data", metavar="BODY", help="the body; @FILE reads it, @- from standard input")
    add("--host", metavar="HOST", help="the host that is asked for")
    add("--listener", metavar="NAME", help="the listener that is asked (default: the first one)")
    add("--client", metavar="ADDRESS", help="the client's address (default: 127.0.0.1)")
    add("--at", metavar="TIME", help="when it is asked: 2027-01-31T12:00:00Z (default: now)")
    add("--log", metavar="FILE", help="explain the lines of an access log of ours; -: stdin")
    who = parser.add_argument_group("who asks")
    add = who.add_argument
    add("--key", metavar="ID", help="the holder of this key of the policy: TENANT/KEY")
    add("--claims", metavar="JSON", help="the holder of a token with these claims")
    add("--issuer", metavar="NAME", help="whose token it is (default: the policy's first issuer)")
    add("--certificate", metavar="NAME", help="the holder of a certificate with this name in it")
    world = parser.add_argument_group("the world around it")
    add = world.add_argument
    add("--given", action="append", metavar="NAME=WHAT,...", help="what an upstream does")
    add("--used", action="append", metavar="LIMIT=AMOUNT", help="what of a limit is used; or `all`")
    add("--cooling", action="append", metavar="PROVIDER", help="a provider that failed lately")
    add("--away", action="append", choices=("counters", "edge"), help="what cannot be reached")


def run(args: argparse.Namespace) -> int:
    """Explain; exit code 1 where the policy has errors, or a name leads nowhere."""
    words, curl = _before_curl(args.words)
    parser = argparse.ArgumentParser(prog="gatewright explain", epilog=_EPILOG)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rest", nargs="*", metavar="WORDS")
    _add_options(parser)
    args = parser.parse_intermixed_args(words, namespace=args)
    match args.rest:
        case ["tenant", *rest] if curl is None:
            return _explain_tenant(args, rest)
        case ["resource", *rest] if curl is None:
            return _explain_resource(args, rest)
        case rest:
            from cli.explain_request import explain_request

            return explain_request(args, rest, curl)


def _before_curl(words: list[str]) -> tuple[list[str], list[str] | None]:
    """Divide the words at `curl`, which may also be one text, as it is copied from somewhere."""
    import shlex

    for place, word in enumerate(words):
        if word == "curl":
            return words[:place], words[place + 1 :]
        if word.split(maxsplit=1)[:1] == ["curl"] and place == len(words) - 1:
            try:
                return words[:place], shlex.split(word.replace("\\\n", " "))[1:]
            except ValueError as error:
                print(f"gatewright explain: {error} in curl's words", file=sys.stderr)
                raise SystemExit(exits.USAGE) from None
    return words, None


def _explain_tenant(args: argparse.Namespace, rest: list[str]) -> int:
    from cli.explain_tenant import explain_tenant

    match rest:
        case [name]:
            return explain_tenant(name, args.policy or Path(), as_json=args.json)
        case [name, policy]:
            return explain_tenant(name, Path(policy), as_json=args.json)
        case _:
            return _usage("write `tenant NAME`, and then the policy")


def _explain_resource(args: argparse.Namespace, rest: list[str]) -> int:
    from cli.explain_resource import explain_resource
    from cli.policy import is_there

    policy, field = args.policy, ""
    match rest:
        case [name]:
            pass
        case [name, last] if policy is None and is_there(last):
            policy = Path(last)
        case [name, field]:
            pass
        case [name, field, last]:
            policy = Path(last)
        case _:
            return _usage("write `resource TYPE/NAME`, a part of it, and then the policy")
    return explain_resource(name, field, policy or Path(), as_json=args.json)


def _usage(message: str) -> int:
    print(f"gatewright explain: {message}", file=sys.stderr)
    return exits.USAGE
