"""`gatewright simulate`: answer as the LLM providers would, on this machine, without a key."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from simulator.options import add_options, read_config

if TYPE_CHECKING:
    from simulator.recorder import Recorded
    from simulator.running import Simulator

NAME: Final = "simulate"

_EPILOG: Final = """\
examples:
  gatewright simulate                                  openai, claude and echo on port 8090
  gatewright simulate --provider openai --fault openai=429,ok     the first request gets a 429
  gatewright simulate --provider claude=anthropic@8091            a port of its own

use it with an SDK (any key will do):
  OpenAI(base_url="http://127.0.0.1:8090/openai/v1", api_key="any")
  Anthropic(base_url="http://127.0.0.1:8090/claude", api_key="any")

ask for a fault, by a header of the request (it passes through a gateway) or for all to come:
  curl -H 'x-simulate: openai=cut:3, claude=529' ...
  curl -X PUT http://127.0.0.1:8090/_simulator/openai/scenario -d '["429", "ok"]'
  curl -X DELETE http://127.0.0.1:8090/_simulator/openai/scenario

outcomes:
  ok  ok:tokens=500             the right answer; a long one
  429  503  529:delay=2         any status from 400 to 599, with the provider's own body
  429:retry_after=7             ... and with Retry-After
  context_length_exceeded  content_filter  insufficient_quota
  slow:2  slow_first_token:2    late headers; headers at once and a late first token
  stall:3  cut:3  cut:3:fin     after three tokens: nothing more, a reset, a close
  reset  no_terminal  empty  garbage:3  error_in_band:0  huge  wrong_content_type  html:502

look at what came and what it cost:
  curl http://127.0.0.1:8090/_simulator/requests?last=1
  curl http://127.0.0.1:8090/_simulator/usage

exit codes: 0 stopped by Ctrl-C or SIGTERM; 2 wrong options; 3 the port is taken
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        NAME,
        help="answer as LLM providers would, with faults on demand; no key needed",
        description="Answer as LLM providers would: plain, streaming, tools, usage, errors, and "
        "faults on demand. The same seed and the same request give the same answer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, default_port=8090)
    parser.add_argument(
        "--json",
        action="store_true",
        help="one line of JSON once it listens, then one for each request that is over",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    import sys

    from simulator.running import run_until_signalled

    try:
        config = read_config(args)
    except ValueError as error:
        print(f"gatewright simulate: {error}", file=sys.stderr)
        return exits.USAGE

    def ready(simulator: Simulator) -> None:
        simulator.on_finish(_print_json if args.json else _print_line)
        _announce(simulator, as_json=args.json)

    try:
        run_until_signalled(config, ready)
    except OSError as error:
        raise exits.CannotRunError(
            str(error), hint="another --port, or --port 0 for any free one"
        ) from error
    return exits.OK


def _announce(simulator: Simulator, *, as_json: bool) -> None:
    urls = simulator.urls()
    if as_json:
        ready = {"ready": True, "port": simulator.port, "urls": urls}
        print(json.dumps(ready | {"control": simulator.control_url}), flush=True)
        return
    print("simulating (base_url for the SDKs; any key will do):")
    width = max(map(len, urls), default=0)
    for name, url in urls.items():
        print(f"  {name:{width}}  {url}")
    print(f"control: {simulator.control_url}", flush=True)


def _print_line(record: Recorded) -> None:
    """One request in one line: never a header or a body, they hold credentials."""
    words = [record.provider or "-", record.method, record.path, record.model]
    words += [str(record.status or "-"), record.outcome]
    if record.billed.input_tokens:
        words.append(f"{record.billed.input_tokens}+{record.billed.output_tokens} tokens")
    if record.disconnected:
        words.append("(the client left)")
    print(_printable(" ".join(filter(None, words))), flush=True)


def _print_json(record: Recorded) -> None:
    shown = {
        "provider": record.provider,
        "method": record.method,
        "path": record.path,
        "model": record.model,
        "status": record.status,
        "outcome": record.outcome,
        "streamed": record.streamed,
        "input_tokens": record.billed.input_tokens,
        "output_tokens": record.billed.output_tokens,
        "disconnected": record.disconnected,
    }
    print(json.dumps(shown), flush=True)


def _printable(text: str) -> str:
    """A client chooses paths and models: no escape sequence of theirs reaches the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
