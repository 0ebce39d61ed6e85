"""`gatewright bootstrap`: the configuration an Envoy is started with, to be served by `serve`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, Final

from cli import exits

if TYPE_CHECKING:
    from xds.bootstrap import Address

NAME: Final = "bootstrap"

_EPILOG: Final = """\
examples:
  gatewright bootstrap --node-id edge-1 > envoy.yaml && envoy -c envoy.yaml
  gatewright bootstrap --ads unix:/run/gatewright/ads.sock --node-id edge-1
  gatewright bootstrap --ads control.internal:18000 --node-id "$(hostname)" --cluster edge --sotw

Envoy reads its listeners, routes, clusters, endpoints and secrets from the one address, and waits
for the first ones before it calls itself ready. Ids must differ from Envoy to Envoy.
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `bootstrap` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="print the bootstrap of an Envoy that `serve` serves",
        description="Print the Envoy bootstrap that subscribes to a control plane.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--ads",
        type=_address,
        default="127.0.0.1:18000",
        metavar="ADDRESS",
        help="where `serve` listens: host:port or unix:/path (default: 127.0.0.1:18000)",
    )
    parser.add_argument("--node-id", required=True, metavar="ID", help="the name of this one Envoy")
    parser.add_argument(
        "--cluster",
        default="gatewright",
        metavar="NAME",
        help="the name of the fleet it belongs to (default: gatewright)",
    )
    protocol = parser.add_mutually_exclusive_group()
    protocol.add_argument(
        "--delta",
        action="store_const",
        const="delta",
        dest="protocol",
        help="receive changes only (default)",
    )
    protocol.add_argument(
        "--sotw",
        action="store_const",
        const="sotw",
        dest="protocol",
        help="receive the state of the world",
    )
    parser.set_defaults(protocol="delta")
    parser.add_argument(
        "--admin",
        type=_address_or_none,
        default="127.0.0.1:9901",
        metavar="ADDRESS",
        help="Envoy's admin interface: host:port, unix:/path, or none (default: 127.0.0.1:9901); "
        "whoever reaches it can stop Envoy and read its configuration",
    )
    parser.add_argument(
        "--keepalive",
        type=_seconds,
        default=30,
        metavar="SECONDS",
        help="ping the control plane after so many silent seconds (default: 30)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of YAML")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from xds.bootstrap import Bootstrap, bootstrap
    from xds.wire import to_json

    wanted = Bootstrap(
        ads=args.ads,
        node_id=args.node_id,
        cluster=args.cluster,
        protocol=args.protocol,
        admin=args.admin,
        keepalive_interval=args.keepalive,
    )
    data = to_json(bootstrap(wanted))
    if args.json:
        print(json.dumps(data, indent=2))
    else:
        import yaml

        print(yaml.safe_dump(data, sort_keys=False), end="")
    return exits.OK


def _address(text: str) -> Address:
    from xds.bootstrap import AddressError, address

    try:
        return address(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address_or_none(text: str) -> Address | None:
    return None if text == "none" else _address(text)


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3_600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 3600")
    return int(text)
