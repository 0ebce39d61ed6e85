"""The options of `serve` that say where it listens and who may connect."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import exits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc

    from cli.narrate import Narrator
    from compiler.fleet import Fleet
    from xds.admission import Limits
    from xds.identity import Trust

DRAIN = 5.0


@dataclass(frozen=True, slots=True)
class Access:
    """Who may connect: what `xds.plane.ControlPlane` takes beside the address."""

    trust: Trust
    credentials: grpc.ServerCredentials | None
    limits: Limits
    max_age: float

    def options(self) -> dict[str, Any]:
        """Give them by the names of the plane's arguments."""
        return {
            "trust": self.trust,
            "credentials": self.credentials,
            "limits": self.limits,
            "max_age": self.max_age,
        }


def add_listen(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--listen",
        type=_address,
        default="127.0.0.1:18000",
        metavar="ADDRESS",
        help="host:port or unix:/path to serve on (default: 127.0.0.1:18000); an address that "
        "others can reach needs --tls-certificate and --client-ca",
    )
    access = parser.add_argument_group("who may connect")
    access.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="serve over TLS with this certificate chain; read again when it changes",
    )
    access.add_argument(
        "--tls-key", type=Path, metavar="FILE", help="the private key of that certificate"
    )
    access.add_argument(
        "--client-ca",
        type=Path,
        metavar="FILE",
        help="let only clients in whose certificate one of these CAs signed; a group's `identity` "
        "says which of them may be in it, and a group without one is given no secrets",
    )
    access.add_argument(
        "--insecure",
        action="store_true",
        dest="plaintext",
        help="listen where others can connect, in the clear; no secret is given to anybody there",
    )
    access.add_argument(
        "--max-streams",
        type=_count,
        metavar="N",
        help="streams in all (default: 10000); more are turned away",
    )
    access.add_argument(
        "--max-age",
        type=_seconds,
        metavar="SECONDS",
        help="have a connection made anew after about so long, with its certificate shown again "
        "(default: 3600; 0 for never)",
    )
    access.add_argument(
        "--drain",
        type=_seconds,
        default=DRAIN,
        metavar="SECONDS",
        help="after SIGTERM, close the streams over so many seconds at most (default: 5)",
    )


def misplaced(args: argparse.Namespace) -> str | None:
    """Say what is wrong with the options, taken together."""
    from xds.bootstrap import address

    if (args.tls_certificate is None) != (args.tls_key is None):
        return "--tls-certificate and --tls-key go together"
    if args.client_ca is not None and args.tls_certificate is None:
        return "--client-ca needs --tls-certificate and --tls-key"
    plain = args.tls_certificate is None
    if plain and not args.plaintext and not _is_here(address(args.listen)):
        return (
            f"others can reach {args.listen}, and it would be in the clear: give "
            "--tls-certificate, --tls-key and --client-ca, or say --insecure"
        )
    return None


def access(args: argparse.Namespace, narrator: Narrator) -> Access:
    """Read the certificates and tell who may connect; raises CannotRunError."""
    from xds.admission import Limits
    from xds.bootstrap import address
    from xds.credentials import BadCertificateError, CertificateFiles, ServerCertificates
    from xds.identity import trust_of
    from xds.listening import MAX_AGE

    credentials = None
    if args.tls_certificate is not None:
        files = CertificateFiles(args.tls_certificate, args.tls_key, args.client_ca)

        def tell(good: bool, text: str) -> None:
            narrator.note("certificates", text, good=good)

        try:
            credentials = ServerCertificates(files, tell).credentials()
        except BadCertificateError as error:
            raise exits.CannotRunError(str(error)) from None
    return Access(
        trust=trust_of(address(args.listen).host, client_ca=args.client_ca is not None),
        credentials=credentials,
        limits=Limits() if args.max_streams is None else Limits(streams=args.max_streams),
        max_age=MAX_AGE if args.max_age is None else args.max_age,
    )


def without_secrets(fleet: Fleet, trust: Trust) -> Iterator[str]:
    """Say of each group that needs secrets why its nodes are given none."""
    from xds.identity import Trust, may_have_secrets

    why = "names no `identity`, so any client of the CA may be in it"
    if trust is Trust.NOBODY:
        why = "is open to anybody who connects, for no client certificates are asked for"
    for build in fleet:
        if build.lowered.secrets and not may_have_secrets(build.group.identity, trust):
            yield (f"group `{build.group.name}` {why}: it is given no secrets, nor what needs them")


def _is_here(at: Any) -> bool:
    from xds.identity import Trust, trust_of

    return trust_of(at.host, client_ca=False) is Trust.MACHINE


def _address(text: str) -> str:
    from xds.bootstrap import AddressError, address

    try:
        return str(address(text))
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 86400")
    return seconds
