"""Secrets, read where they lie and made into SDS resources; their values appear nowhere else.

A snapshot, a log line, an error or a repr names a secret by where it lies (``env:NAME``,
``file:PATH``, ``system:``) and never by what it says.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from xds.google_tokens import GoogleTokens
from xds.order import SECRET
from xds.resource import Resource
from xds.schema import envoy

_LIMIT: Final = 1 << 20
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD, Alpine
)


class Reference(Protocol):
    """Where the parts of a secret lie: what `policies.secret.SecretRef` is."""

    @property
    def kind(self) -> str:
        """``generic``, ``certificate``, ``trust`` or ``google-token``."""

    @property
    def sources(self) -> tuple[str, ...]:
        """``env:NAME``, ``file:PATH`` or ``system:``; chain and key for a certificate."""

    @property
    def name(self) -> str:
        """The name of the SDS resource."""


@dataclass(frozen=True, slots=True)
class Location:
    """A reference that was read back from the disk."""

    kind: str
    sources: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A secret that cannot be read now; ``kept`` says that its last value is served on."""

    name: str
    source: str
    reason: str
    kept: bool

    def __str__(self) -> str:
        rest = "; its last value is kept" if self.kept else ""
        return f"secret {self.source}: {self.reason}{rest}"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a reading gave: SDS resources, and what could not be read."""

    resources: tuple[Resource, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()

    @property
    def missing(self) -> frozenset[str]:
        """Names of secrets for which there is no value at all."""
        return frozenset(one.name for one in self.unresolved if not one.kept)


class UnreadableError(Exception):
    """A source does not give a usable value; the message names the source and no value.

    ``instead`` is an older value that is good still.
    """

    def __init__(self, source: str, reason: str, instead: Resource | None = None) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason
        self.instead = instead


@dataclass(slots=True)
class _Account:
    """The key file of a Google service account as it was read last, and the last that was good."""

    key: bytes | None = field(default=None, repr=False)
    good: bytes | None = field(default=None, repr=False)


class SecretReader:
    """Reads secrets, and keeps each one's last value for the time it cannot be read.

    ``root`` is the folder that relative paths of ``file:`` start from; ``confined`` refuses every
    file outside of it, for policies whose authors may not read all that this process may.
    ``tokens`` are those of Google service accounts.
    """

    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        *,
        confined: bool = False,
        tokens: GoogleTokens | None = None,
    ) -> None:
        self._root = root
        self._environ = environ
        self._confined = confined
        self.tokens = tokens or GoogleTokens()
        self._last: dict[str, Resource] = {}
        self._accounts: dict[str, _Account] = {}

    def read(self, references: Iterable[Reference]) -> Resolution:
        """Read every reference anew; it blocks on the disk, and for the first token of a key."""
        resources: list[Resource] = []
        unresolved: list[Unresolved] = []
        wanted = sorted(references, key=lambda one: one.name)
        for reference in wanted:
            try:
                found = self._secret(reference)
            except UnreadableError as error:
                kept = error.instead or self._last.get(reference.name)
                unresolved.append(
                    Unresolved(reference.name, error.source, error.reason, kept is not None)
                )
                if kept is not None:
                    self._last[reference.name] = kept
                    resources.append(kept)
                continue
            self._last[reference.name] = found
            resources.append(found)
        self._forget({reference.name for reference in wanted})
        return Resolution(tuple(resources), tuple(unresolved))

    def files(self, references: Iterable[Reference]) -> frozenset[Path]:
        """The files that secrets lie in, for a watcher."""
        return frozenset(
            self._path(source.removeprefix("file:"))
            for reference in references
            for source in reference.sources
            if source.startswith("file:")
        )

    def _secret(self, reference: Reference) -> Resource:
        secret = envoy.extensions.transport_sockets.tls.v3.Secret(name=reference.name)
        first = reference.sources[0]
        if reference.kind == "certificate":
            key = reference.sources[1]
            chain = _pem(first, self._bytes(first), b"CERTIFICATE-----")
            secret.tls_certificate.certificate_chain.inline_bytes = chain
            secret.tls_certificate.private_key.inline_bytes = _pem(
                key, self._bytes(key), b"PRIVATE KEY-----"
            )
        elif reference.kind == "trust":
            roots = _pem(first, self._bytes(first), b"CERTIFICATE-----")
            secret.validation_context.trusted_ca.inline_bytes = roots
        elif reference.kind == "google-token":
            return self._token(reference)
        else:
            value = _header_value(first, self._bytes(first))
            secret.generic_secret.secret.inline_bytes = value
        return Resource(SECRET, reference.name, secret)

    def _token(self, reference: Reference) -> Resource:
        """Give the token of the key that lies there; of the last good key while that is none."""
        [source] = reference.sources
        account = self._accounts.setdefault(reference.name, _Account())
        try:
            account.key = self._bytes(source)
        except UnreadableError as error:
            raise UnreadableError(source, error.reason, self._of(reference, account.good)) from None
        token = self.tokens.token(account.key)
        if token.value:
            account.good = account.key
        if token.why:
            raise UnreadableError(source, token.why, self._of(reference, account.good))
        return _generic(reference.name, token.value)

    def _of(self, reference: Reference, key: bytes | None) -> Resource | None:
        value = "" if key is None else self.tokens.token(key).value
        return _generic(reference.name, value) if value else None

    def _forget(self, named: set[str]) -> None:
        """Forget the accounts, and keys, that are named no longer: nobody renews their tokens."""
        self._accounts = {name: one for name, one in self._accounts.items() if name in named}
        kept = [key for one in self._accounts.values() for key in (one.key, one.good)]
        self.tokens.keep(key for key in kept if key is not None)

    def _bytes(self, source: str) -> bytes:
        scheme, _, place = source.partition(":")
        if scheme == "env":
            if place not in self._environ:
                raise UnreadableError(source, "the environment variable is not set")
            return self._environ[place].encode("utf-8", "surrogateescape")
        if scheme == "file":
            path = self._path(place)
            if self._confined and not path.resolve().is_relative_to(self._root.resolve()):
                raise UnreadableError(source, "it lies outside of the folder that secrets lie in")
            return _file(source, path)
        if scheme == "system":
            return _file(source, _bundle(source, self._environ))
        raise UnreadableError(source, "only env:, file: and system: can be read")

    def _path(self, place: str) -> Path:
        return self._root / Path(place).expanduser()


def _generic(name: str, value: str) -> Resource:
    secret = envoy.extensions.transport_sockets.tls.v3.Secret(name=name)
    secret.generic_secret.secret.inline_bytes = value.encode()
    return Resource(SECRET, name, secret)


def _file(source: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise UnreadableError(source, error.strerror or type(error).__name__) from None
    if len(data) > _LIMIT:
        raise UnreadableError(source, f"more than {_LIMIT >> 20} MiB is no secret")
    return data


def _bundle(source: str, environ: Mapping[str, str]) -> Path:
    named = environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    for path in (named, *_BUNDLES):
        if path and Path(path).is_file():
            return Path(path)
    raise UnreadableError(source, "this machine has no bundle of trusted roots")


def _pem(source: str, data: bytes, marker: bytes) -> bytes:
    if marker not in data:
        raise UnreadableError(source, f"holds no PEM block {marker.decode().rstrip('-')}")
    return data


def _header_value(source: str, data: bytes) -> bytes:
    """Take a value as it goes into a header: without the line end that editors leave."""
    value = data.strip()
    if not value:
        raise UnreadableError(source, "is empty")
    if any(byte < 0x20 or byte == 0x7F for byte in value):
        raise UnreadableError(source, "holds a line break or control character: not a header value")
    return value
