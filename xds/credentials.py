"""The control plane's own certificate, and the CA of its clients, from files that may change.

gRPC asks for them at each handshake, so what lies in the files is used from the next connection
on; those that are open go on. Nothing is restarted when a certificate is rotated, nor when a CA is.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

_LIMIT: Final = 1 << 20
_Stamp = tuple[tuple[int, int, int, int], ...]


class BadCertificateError(Exception):
    """The files cannot be used; the message names the file, and nothing that is in it."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files lie: a chain with the server's own certificate first, and its key.

    With ``client_ca`` every client must show a certificate that one of its CAs signed.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of the files."""
        ca = () if self.client_ca is None else (self.client_ca,)
        return (self.certificate, self.key, *ca)


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: _Stamp
    certificate: bytes
    key: bytes
    client_ca: bytes | None

    def __repr__(self) -> str:
        """Never the key."""
        return "_Loaded(...)"


class ServerCertificates:
    """Gives gRPC the newest usable certificate.

    ``tell`` gets one sentence for each change, good (True) or bad (False); it is called on gRPC's
    threads and must not block. Files that do not fit together change nothing: half of a rotation
    is one such moment, and ends with the next handshake.
    """

    def __init__(self, files: CertificateFiles, tell: Callable[[bool, str], None]) -> None:
        self._files = files
        self._tell = tell
        self._seen: _Stamp = ()
        # Handshakes may come on several threads.
        self._lock = threading.Lock()

    def credentials(self) -> grpc.ServerCredentials:
        """Make what a gRPC server listens with; raises BadCertificateError."""
        loaded = _load(self._files)
        self._seen = loaded.stamp
        return grpc.dynamic_ssl_server_credentials(
            _configuration(loaded),
            self.fetch,  # type: ignore[arg-type]  # None is allowed: "to keep the last"
            # gRPC verifies all certificates or asks for none: there is no "optional" to choose.
            require_client_authentication=self._files.client_ca is not None,
        )

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Give what to use from now on, or None for no change. It never raises."""
        with self._lock:
            stamp = _stamp(self._files)
            if stamp == self._seen:
                return None
            self._seen = stamp
            try:
                loaded = _load(self._files)
            except BadCertificateError as error:
                self._tell(False, f"the last good certificate is kept: {error}")
                return None
            self._seen = loaded.stamp
            self._tell(True, f"certificates were read again from {self._files.certificate}")
            return _configuration(loaded)


def _configuration(loaded: _Loaded) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(loaded.key, loaded.certificate)], root_certificates=loaded.client_ca
    )


def _load(files: CertificateFiles) -> _Loaded:
    """Read the files and hold them against each other."""
    stamp = _stamp(files)
    certificate, key = _read(files.certificate), _read(files.key)
    client_ca = None if files.client_ca is None else _read(files.client_ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password: a key that needs one is refused, and nobody is asked for it.
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise BadCertificateError(
            f"{files.certificate} and {files.key} are no certificate and its key ({_reason(error)})"
        ) from None
    if files.client_ca is not None:
        try:
            context.load_verify_locations(files.client_ca)
        except (OSError, ValueError) as error:
            raise BadCertificateError(
                f"{files.client_ca} holds no CA certificates ({_reason(error)})"
            ) from None
    if stamp != _stamp(files):
        raise BadCertificateError(f"{files.certificate} changed while it was read")
    return _Loaded(stamp, certificate, key, client_ca)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise BadCertificateError(f"{path}: {error.strerror or type(error).__name__}") from None
    if len(data) > _LIMIT:
        raise BadCertificateError(f"{path}: more than {_LIMIT >> 20} MiB is no certificate")
    return data


def _reason(error: Exception) -> str:
    """Give OpenSSL's word for it (``KEY_VALUES_MISMATCH``), which quotes nothing of a file."""
    reason = getattr(error, "reason", None)
    return str(reason or type(error).__name__).lower().replace("_", " ")


def _stamp(files: CertificateFiles) -> _Stamp:
    """Say which files these are, behind symbolic links, as Kubernetes mounts them."""
    found = []
    for path in files.paths:
        try:
            status = path.stat()
        except OSError:
            found.append((0, 0, 0, 0))
        else:
            # The time of its last change of any kind: also of who may read it.
            found.append((status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size))
    return tuple(found)
