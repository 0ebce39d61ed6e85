"""`gatewright rollout`: how a change stands on its way to a fleet's nodes, and commands for it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from cli import exits
from cli.operator_client import DEFAULT, Operator, RefusedError

NAME: Final = "rollout"

_EPILOG: Final = """\
examples:
  gatewright rollout                           how every group's change stands
  gatewright rollout pause --group eu          stay in this wave; a refusal still rolls back
  gatewright rollout resume --group eu         go on; the wave's hold begins anew
  gatewright rollout promote                   the next wave now, whatever this one is like
  gatewright rollout rollback                  back to the last good snapshot, and quarantine
  gatewright rollout promote --force           try what is quarantined again, from its canary

It asks a running `gatewright serve --operator ADDRESS`. A change that was rolled back is not served
again, though the policy still says it: commit another one, or lift the quarantine with --force.
Without --group a command is for the only group that there is. Replicas are asked one by one.

exit codes: 0 done; 1 the command makes no sense now; 2 wrong options; 3 nobody answers there
"""

_COMMANDS: Final = ("status", "pause", "resume", "promote", "rollback")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `rollout` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="see, pause, resume, promote or roll back a change on its way to a fleet",
        description="See how a change stands on its way to the nodes of a fleet, and pause, "
        "resume, promote or roll it back.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", nargs="?", choices=_COMMANDS, default="status", help="(default: status)"
    )
    parser.add_argument(
        "--group", metavar="NAME", help="the policy's group that it is for (default: the only one)"
    )
    parser.add_argument(
        "--force", action="store_true", help="with promote: lift the quarantine of the policy"
    )
    parser.add_argument(
        "--operator",
        type=_address,
        default=DEFAULT,
        metavar="ADDRESS",
        help=f"host:port or unix:/path of the control plane's operator (default: {DEFAULT})",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Ask or command, and print how things stand after it."""
    from xds.bootstrap import address

    operator = Operator(address(args.operator))
    try:
        groups = operator.get("/rollout")["groups"]
        if args.group is not None:
            groups = [one for one in groups if one["name"] == args.group] or _none(args.group)
        if args.action != "status":
            groups = [_obeyed(operator, args, groups)]
    except RefusedError as error:
        print(f"gatewright rollout: {error}", file=sys.stderr)
        return exits.POLICY
    if args.json:
        print(json.dumps({"groups": groups}, indent=2))
    else:
        print("\n".join(line for one in groups for line in described(one)))
    return exits.OK


def described(group: dict[str, Any]) -> list[str]:
    """Describe a group's rollout in a line, and in a second one what it waits for or why it is."""
    name, state = group["name"], group["state"]
    stable = f"have {_short(group['stable'])}"
    if state == "idle":
        return [f"{name}: all nodes {stable}"]
    if state == "quarantined":
        waiting = group["waiting"]
        told = f"{name}: all nodes {stable}; the policy's {_short(waiting)} is quarantined"
        return [told, f"  {group['quarantined'].get(waiting, '')}"]
    wave = "canary" if group["wave"] == 1 else f"wave {group['wave']}"
    where = f"{wave} ({group['share'] * 100:g}% of the nodes)"
    told = f"{name}: {_short(group['candidate'])} {state} in its {where}; the others {stable}"
    return [told, f"  waits for {group['waits_for']}"]


def _obeyed(operator: Operator, args: argparse.Namespace, groups: list[Any]) -> dict[str, Any]:
    if len(groups) != 1:
        names = ", ".join(one["name"] for one in groups)
        raise RefusedError(f"say which group with --group: {names}")
    return operator.post(f"/rollout/{groups[0]['name']}/{args.action}", {"force": args.force})


def _none(group: str) -> list[Any]:
    raise RefusedError(f"there is no group {group!r}")


def _short(version: str | None) -> str:
    return version[:12] if version else "nothing"


def _address(text: str) -> str:
    from xds.bootstrap import AddressError, address

    try:
        return str(address(text))
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
