"""`gatewright keys`: creates, rotates, revokes and lists the keys of tenants, in the policy."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.operator_client import DEFAULT, Operator, RefusedError
from cli.policy import add_path, existing, show

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cli.key_edits import KeyId
    from xds.bootstrap import Address

NAME: Final = "keys"

_EPILOG: Final = """\
examples:
  gatewright keys create acme/ci                         a key of tenant acme, shown once
  gatewright keys create acme/search/batch policies/ --expires 2027-01-31 --out batch.key
  gatewright keys rotate acme/ci --overlap 7d            a new one; the old one is good for 7 days
  gatewright keys revoke acme/ci                         refused as soon as the file is served
  gatewright keys revoke acme/ci --now                   refused at once; the file is to follow
  gatewright keys revoke acme/ci policies/ --now --control-plane unix:/run/gw-1.sock \\
      --control-plane unix:/run/gw-2.sock                both, at every replica
  gatewright keys restore acme/ci --now                  leave it to the policy again
  gatewright keys list --tenant acme

The file holds the SHA-256 of a key and may be committed; the key itself is printed once, alone on
stdout, and is kept nowhere. The file is changed in place: comments and order stay, and it is left
as it was where the policy would not compile.

exit codes: 0 done; 1 the policy has errors, or has no such tenant or key; 2 wrong options; 3 a file
cannot be read or written, or no control plane answers
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `keys` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="create, rotate, revoke and list the keys of tenants",
        description="Create, rotate, revoke and list the keys of tenants, in the policy file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create, rotate, revoke, restore, listing = (
        actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        for name, text in (
            ("create", "make a key, and write its SHA-256 into the policy"),
            ("rotate", "make a new key in the place of one"),
            ("revoke", "have a key refused, by the policy, at once by the control plane, or both"),
            ("restore", "undo `revoke --now`"),
            ("list", "show the keys of the policy and how each stands"),
        )
    )
    for one in (create, rotate, revoke, restore):
        one.add_argument("id", type=_key_id, metavar="ID", help="TENANT/KEY or TENANT/TEAM/KEY")
    for one in (create, rotate, listing):
        add_path(one)
    revoke.add_argument(
        "path",
        nargs="?",
        type=Path,
        metavar="POLICY",
        help="the policy file, or the folder of files (default: this folder; with --now, none)",
    )
    for one in (create, rotate):
        one.add_argument(
            "--expires", type=_moment, metavar="DATE", help="refuse it from then on (UTC)"
        )
        one.add_argument(
            "--out", type=Path, metavar="FILE", help="write the key there, mode 0600, not to stdout"
        )
    rotate.add_argument(
        "--overlap",
        type=_duration,
        default="7d",
        metavar="TIME",
        help="how long the old key is good beside the new one; 0s ends it at once (default: 7d)",
    )
    for one in (revoke, restore):
        one.add_argument(
            "--now",
            action="store_true",
            required=one is restore,
            help="tell the control plane: ahead of the policy, and of every rollout",
        )
        one.add_argument(
            "--control-plane",
            action="append",
            type=_address,
            default=[],
            metavar="ADDRESS",
            help="the operator address of `gatewright serve`, host:port or unix:/path; once for "
            f"each replica (default: {DEFAULT})",
        )
    listing.add_argument("--tenant", metavar="NAME", help="only the keys of this tenant")
    listing.add_argument("--json", action="store_true", help="print the keys as JSON")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    actions = {
        "create": _create, "rotate": _rotate, "revoke": _revoke, "restore": _restore, "list": _list
    }  # fmt: skip
    return actions[args.action](args)


def _create(args: argparse.Namespace) -> int:
    from cli import key_edits
    from cli.key_text import digest_of, new_key

    key = new_key()

    def change(text: str) -> str:
        return key_edits.create(text, args.id, digest_of(key), args.expires)

    return _with_new_key(args, key, change)


def _rotate(args: argparse.Namespace) -> int:
    from cli import key_edits
    from cli.key_text import digest_of, new_key

    key, now = new_key(), _now()
    until = now + args.overlap

    def change(text: str) -> str:
        if key_edits.overlapping(text, args.id, now):
            _say(f"warning: {args.id} was being rotated: the oldest of its keys ends now")
        return key_edits.rotate(text, args.id, digest_of(key), until, now, args.expires)

    code = _with_new_key(args, key, change)
    if code == exits.OK:
        _say(f"the old key is good until {until:%Y-%m-%d %H:%M} UTC")
    return code


def _revoke(args: argparse.Namespace) -> int:
    from cli import key_edits

    if args.control_plane and not args.now:
        print("gatewright keys revoke: error: --control-plane goes with --now", file=sys.stderr)
        return exits.USAGE
    code = _ahead(args, "revoke") if args.now else exits.OK
    if args.now and args.path is None:
        if code == exits.OK:
            _say(f"until the policy says so this is drift: `gatewright keys revoke {args.id}`")
        return code
    edited = _edit(args, lambda text: key_edits.revoke(text, args.id, _now()))
    if edited == exits.OK:
        _say(f"{args.id} is revoked; commit the file")
    return edited or code


def _restore(args: argparse.Namespace) -> int:
    return _ahead(args, "restore")


def _list(args: argparse.Namespace) -> int:
    from cli import key_list
    from compiler.pipeline import compile_path

    compiled = compile_path(existing(args.path), until="document")
    if not compiled.ok:
        show(compiled, "text")
        return exits.POLICY
    found = key_list.rows(compiled.outputs["document"].document, _now(), args.tenant)
    if args.json:
        print(json.dumps({"keys": key_list.data(found)}, indent=2))
    else:
        print("\n".join(key_list.table(found)))
    return exits.OK


def _with_new_key(args: argparse.Namespace, key: str, change: Callable[[str], str]) -> int:
    """Write its digest into the policy, and show it once.

    It is written to its file before the policy is: a key that nobody has is worth nothing.
    """
    made = False

    def keep() -> None:
        nonlocal made
        if args.out is not None:
            _write_key(args.out, key)
            made = True

    code = None
    try:
        code = _edit(args, change, before=keep)
    finally:
        if made and code != exits.OK:
            args.out.unlink(missing_ok=True)
    if code == exits.OK:
        if args.out is None:
            print(key, flush=True)
            _say(f"this is the key of {args.id}: it is shown once, and kept nowhere")
        else:
            _say(f"the key of {args.id} is in {args.out}")
    return code


def _edit(
    args: argparse.Namespace,
    change: Callable[[str], str],
    before: Callable[[], None] = lambda: None,
) -> int:
    """Change the file in which the tenant stands."""
    from cli.key_edits import KeyEditError
    from cli.policy_edit import CannotEditError
    from cli.policy_replace import WrongPolicyError, edit

    key: KeyId = args.id
    policy = existing(args.path or Path())
    try:
        path = edit(policy, lambda text: _has_tenant(text, key.tenant), change, before=before)
    except WrongPolicyError as error:
        show(error.compiled, "text")
        _say("the policy would have these errors; nothing was written")
        return exits.POLICY
    except (KeyEditError, CannotEditError) as error:
        hint = "; write it by hand" if isinstance(error, CannotEditError) else ""
        _say(f"{error}{hint}")
        return exits.POLICY
    if path is None:
        _say(f"the policy has no tenant `{key.tenant}`")
        return exits.POLICY
    return exits.OK


def _has_tenant(text: str, tenant: str) -> bool:
    from cli.policy_edit import CannotEditError, get

    if tenant not in text or "tenants" not in text:
        return False  # most files of a large policy: not even parsed
    try:
        tenants = get(text, ("tenants",))
    except CannotEditError:
        return False
    return isinstance(tenants, dict) and tenant in tenants


def _ahead(args: argparse.Namespace, verb: str) -> int:
    """Tell every control plane; one that does not answer does not keep it from the others."""
    from xds.bootstrap import address

    code = exits.OK
    for at in args.control_plane or [address(DEFAULT)]:
        try:
            done = Operator(at).post(f"/keys/{verb}", {"id": str(args.id)})
        except RefusedError as error:
            _say(f"{at}: {error}")
            code = code or exits.POLICY
        except exits.CannotRunError as error:
            _say(str(error))
            code = exits.ENVIRONMENT
        else:
            _say(f"{at}: {args.id} is {'refused' if verb == 'revoke' else 'as the policy has it'}")
            if not done["kept"]:
                _say(f"warning: {at} keeps no state: a restart of it forgets this")
    return code


def _write_key(path: Path, key: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise exits.CannotRunError(
            f"{path} is there already; nothing was written", hint="name a new file with --out"
        ) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")


def _say(text: str) -> None:
    """Tell a person; stdout is the key's."""
    print(f"gatewright keys: {text}", file=sys.stderr, flush=True)


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC).replace(microsecond=0)


def _key_id(text: str) -> KeyId:
    from cli.key_edits import KeyId

    try:
        return KeyId.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> Address:
    from cli.operating import address

    return address(text)


def _moment(text: str) -> datetime:
    from pydantic_core import PydanticCustomError

    from policies.timestamp import parse_timestamp

    try:
        return parse_timestamp(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _duration(text: str) -> timedelta:
    from datetime import timedelta

    from pydantic_core import PydanticCustomError

    from policies.units import parse_duration

    try:
        return timedelta(0) if text in {"0", "0s"} else parse_duration(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
