"""Operations whose requests only change their address, and whose answers nobody reads.

Images and speech: an answer may be binary, and large. Errors are read all the same, so that a chain
can go on for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from ext_authz.translate.answering import Head
from ext_authz.translate.carrying import carry_for
from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.clients.writers import writer_for
from ext_authz.translate.errors import Failure, RefusedError
from ext_authz.translate.exchange import Exchange
from ext_authz.translate.passing_on import PassingOn, is_openai_error
from ext_authz.translate.same_api import pass_openai
from ext_authz.translate.target import Target
from xds.edge.pairs import ClientApi, pair

_PATHS: Final = {ClientApi.IMAGES: "images/generations", ClientApi.SPEECH: "audio/speech"}
OPERATIONS: Final = frozenset(_PATHS)


def pass_untouched(client: ClientApi, target: Target, body: bytes, moment: Moment) -> Exchange:
    """Pass such a request on; raises `RefusedError`."""
    if pair(client, target.provider) is None:
        raise RefusedError(f"`{target.provider}` does not serve this API", code="unsupported_api")
    upstream = pass_openai(body, target.checked(), _PATHS[client])
    # What the client accepts is between it and the provider, but for compression.
    headers = tuple([header for header in upstream.headers if header[0] != "accept"])
    errors = PassingOn(
        writer_for(client, target.model, moment),
        carry_for(client, target.provider, moment.now),
        is_openai_error,
        streams=False,
    )
    return Exchange(structs.replace(upstream, headers=headers), Untouched(errors))


class Untouched:
    """Lets an answer pass; what is none goes through ``errors``."""

    def __init__(self, errors: PassingOn) -> None:
        self._errors = errors
        self.begun = False
        self.final: Head | None = None

    @property
    def failure(self) -> Failure | None:
        """What went wrong, if anything did."""
        return self._errors.failure

    def head(self, status: int, headers: Mapping[str, str]) -> Head | None:
        """Take the provider's head: that of an answer is the client's."""
        if not 200 <= status < 300:
            return self._errors.head(status, headers)
        self.begun = True
        self.final = Head(status, ())
        return self.final

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body."""
        return piece if self.begun else self._errors.feed(piece)

    def end(self) -> bytes:
        """Take the end of the body."""
        if self.begun:
            return b""
        body = self._errors.end()
        self.final = self._errors.final
        return body

    def as_error(self) -> tuple[Head, bytes]:
        """The failure as an answer of its own."""
        return self._errors.as_error()
