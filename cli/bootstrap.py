"""`gatewright bootstrap`: the configuration an Envoy is started with, to be served by `serve`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.node_options import add_node, client_tls, parse_address, planes_of

if TYPE_CHECKING:
    from xds.bootstrap import Address

NAME: Final = "bootstrap"

_EPILOG: Final = """\
examples:
  gatewright bootstrap --node-id edge-1 > envoy.yaml && envoy -c envoy.yaml
  gatewright bootstrap --ads unix:/run/gatewright/ads.sock --node-id edge-1
  gatewright bootstrap --ads control.internal:18000 --node-id "$(hostname)" --cluster edge --sotw
  gatewright bootstrap --node-id edge-1 --cluster edge --region eu-west --metadata canary=true
  gatewright bootstrap --ads a.internal:18000 --ads b.internal:18000 --node-id edge-1 \\
      --tls-ca ca.pem --tls-certificate edge.pem --tls-key edge.key --output /etc/envoy

Envoy reads its listeners, routes, clusters, endpoints and secrets from the one address, and waits
for the first ones before it calls itself ready. Ids must differ from Envoy to Envoy. With several
addresses the first that has something to serve is asked; the others take over while it is away.

With --output, a certificate that is replaced by another (moved into its folder, as `mv` and
Kubernetes do it) is used from the next connection on, without a restart of Envoy.

exit codes: 0 printed; 2 wrong options; 3 a file cannot be written
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
    add_node(parser)
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
    parser.add_argument(
        "--max-connections",
        type=_count,
        default=50_000,
        metavar="N",
        help="client connections that this Envoy takes at the most (default: 50000)",
    )
    parser.add_argument(
        "--max-heap",
        type=_bytes,
        metavar="SIZE",
        help="memory, such as `2 GiB`: near it Envoy takes no new requests, then no connections "
        "(default: as much as the machine gives)",
    )
    parser.add_argument(
        "--no-load-reports",
        action="store_false",
        dest="load_reports",
        help="do not tell the control plane how many requests fail: rollouts cannot judge by them",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of YAML")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write envoy.yaml (or .json) here, and the files through which Envoy follows changes "
        "of its certificate",
    )


def run(args: argparse.Namespace) -> int:
    """Print it, or write it with the files that it names."""
    from xds.bootstrap import Bootstrap, bootstrap
    from xds.bootstrap_tls import secret_files
    from xds.overload import Overload
    from xds.wire import to_json

    planes = planes_of(args)
    tls = client_tls(args, planes, folder=args.output)
    wanted = Bootstrap(
        ads=planes[0],
        fallbacks=tuple(planes[1:]),
        tls=tls,
        load_reports=args.load_reports,
        overload=Overload(args.max_connections, args.max_heap),
        node_id=args.node_id,
        cluster=args.cluster,
        region=args.region,
        zone=args.zone,
        metadata=tuple(args.metadata),
        protocol=args.protocol,
        admin=args.admin,
        keepalive_interval=args.keepalive,
    )
    text = _text(to_json(bootstrap(wanted)), as_json=args.json)
    if args.output is None:
        print(text, end="")
        return exits.OK
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / f"envoy.{'json' if args.json else 'yaml'}").write_text(text)
    for name, message in secret_files(tls).items() if tls else ():
        (args.output / name).write_text(_text(to_json(message), as_json=True))
    return exits.OK


def _text(data: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(data, indent=2) + "\n"
    from cli.envoy_yaml import envoy_yaml

    return envoy_yaml(data)


def _address_or_none(text: str) -> Address | None:
    return None if text == "none" else parse_address(text)


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3_600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 3600")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000000")
    return int(text)


def _bytes(text: str) -> int:
    units = {"MiB": 1 << 20, "GiB": 1 << 30}
    number, unit = text[:-3].strip(), text[-3:]
    if unit not in units or not number.isascii() or not number.isdigit() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as `512 MiB` or `2 GiB`")
    return int(number) * units[unit]
