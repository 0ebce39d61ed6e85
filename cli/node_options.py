"""The options by which a node is known and finds its control planes: of its Envoy, and its edge."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xds.bootstrap import Address
    from xds.bootstrap_tls import ClientTls


def add_node(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.set_defaults(wrong=parser.error)
    parser.add_argument(
        "--ads",
        type=parse_address,
        action="append",
        metavar="ADDRESS",
        help="where `serve` listens: host:port or unix:/path (default: 127.0.0.1:18000); again for "
        "a control plane that takes over while those before it are away",
    )
    parser.add_argument("--node-id", required=True, metavar="ID", help="the name of this one Envoy")
    parser.add_argument(
        "--cluster",
        default="gatewright",
        metavar="NAME",
        help="the name of the fleet it belongs to (default: gatewright)",
    )
    parser.add_argument("--region", default="", metavar="NAME", help="where it runs, for groups")
    parser.add_argument("--zone", default="", metavar="NAME", help="a part of the region")
    parser.add_argument(
        "--metadata",
        type=_pair,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="something else that groups may ask for, such as canary=true; may be given several "
        "times",
    )
    tls = parser.add_argument_group("TLS to the control plane; paths are those on Envoy's machine")
    tls.add_argument(
        "--tls-ca",
        type=Path,
        metavar="FILE",
        help="CAs that verify the control plane: turns on TLS",
    )
    tls.add_argument(
        "--tls-certificate", type=Path, metavar="FILE", help="the Envoy's own certificate chain"
    )
    tls.add_argument("--tls-key", type=Path, metavar="FILE", help="the key of that certificate")
    tls.add_argument(
        "--tls-sni", metavar="NAME", help="the name to ask for (default: the first host name)"
    )
    tls.add_argument(
        "--tls-verify",
        action="append",
        metavar="NAME",
        help="a name that the control plane's certificate must bear: a DNS name, an IP address or "
        "a URI; again for others that will do (default: the hosts of --ads)",
    )


def planes_of(args: argparse.Namespace) -> list[Address]:
    """Give the control planes, in the order in which they are asked."""
    from xds.bootstrap import address

    planes: list[Address] = args.ads or [address("127.0.0.1:18000")]
    if len({bool(plane.path) for plane in planes}) > 1:
        args.wrong("--ads: a Unix socket does not go together with other addresses")
    return planes


def client_tls(
    args: argparse.Namespace, planes: list[Address], folder: Path | None = None
) -> ClientTls | None:
    """Give what the options say of TLS, None where it is in the clear.

    ``folder`` is where an Envoy's SDS files lie.
    """
    from xds.bootstrap_tls import ClientTls

    if (args.tls_certificate is None) != (args.tls_key is None):
        args.wrong("--tls-certificate and --tls-key go together")
    if args.tls_ca is None:
        if args.tls_certificate or args.tls_sni or args.tls_verify:
            args.wrong("--tls-ca is missing: without it there is no TLS")
        return None
    hosts = [plane.host for plane in planes if plane.host]
    verify = args.tls_verify or hosts
    if not verify:
        args.wrong("--tls-verify is missing: a Unix socket has no name to verify")
    names = [plane.host for plane in planes if plane.host and not plane.is_ip]
    return ClientTls(
        ca=args.tls_ca.absolute(),
        verify=tuple(dict.fromkeys(verify)),
        certificate=args.tls_certificate and args.tls_certificate.absolute(),
        key=args.tls_key and args.tls_key.absolute(),
        sni=args.tls_sni or next(iter(names), ""),
        folder=folder and folder.absolute(),
    )


def parse_address(text: str) -> Address:
    """Read an address as an option's value."""
    from xds.bootstrap import AddressError, address

    try:
        return address(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
