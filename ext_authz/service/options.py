"""What the processes of an edge are told when they are started, as one JSON argument."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ext_authz.subscription.follow import Source
from xds.bootstrap import Address
from xds.bootstrap_tls import ClientTls


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Where the edge meets its Envoy, its control planes and its disk. No secret is among it.

    ``metrics`` is the first of the ports on 127.0.0.1 at which processes tell theirs, 0 for none.
    """

    planes: tuple[str, ...]
    node_id: str
    cluster: str
    folder: str
    state: str
    region: str = ""
    zone: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    workers: int = 0
    """How many workers; 0 is as many as the policy says."""
    metrics: int = 0
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_sni: str = ""
    tls_verify: tuple[str, ...] = ()

    @property
    def source(self) -> Source:
        """The control planes, and how to speak to them."""
        from xds.bootstrap import address

        planes: tuple[Address, ...] = tuple(address(one) for one in self.planes)
        tls = None
        if self.tls_ca:
            tls = ClientTls(
                ca=Path(self.tls_ca),
                verify=self.tls_verify,
                certificate=Path(self.tls_certificate) if self.tls_certificate else None,
                key=Path(self.tls_key) if self.tls_key else None,
                sni=self.tls_sni,
            )
        return Source(
            planes, self.node_id, self.cluster, self.region, self.zone, self.metadata, tls
        )

    @property
    def served_folder(self) -> Path:
        """Where what was served last is kept."""
        return Path(self.state) / "served"


def write_options(options: Options) -> str:
    """Write options as the argument of a process."""
    return msgspec.json.encode(options).decode()


def read_options(text: str) -> Options:
    """Read that argument."""
    return msgspec.json.decode(text, type=Options)
