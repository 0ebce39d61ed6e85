"""One delta ADS stream of an edge, as a state machine: responses in, requests out.

Source: "Incremental xDS" of Envoy's xDS protocol page. A response that cannot be used is NACKed
with the reason, and what was there before goes on to hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf.message import DecodeError

from ext_authz.subscription.served import FOLLOWED, Served, UnusableError
from xds.edge.resources import MESSAGES, TYPES
from xds.order import SECRET
from xds.schema import envoy, google

discovery_v3 = envoy.service.discovery.v3
tls_v3 = envoy.extensions.transport_sockets.tls.v3

_INVALID: Final = 3
"""google.rpc.Code.INVALID_ARGUMENT."""
_WILDCARD: Final = "*"

Request = discovery_v3.DeltaDiscoveryRequest
Response = discovery_v3.DeltaDiscoveryResponse


class Stream:
    """What was said on one stream; ``served`` is what has come of it so far."""

    def __init__(self, node: envoy.config.core.v3.Node, served: Served) -> None:
        self.served = served
        self._node = node
        self.fault = ""
        """Why the last response could not be used; empty where it could."""
        self.changed: Mapping[str, tuple[str, bytes]] = {}
        """What the last response brought: versions and bodies by name."""
        self._asked: frozenset[str] = frozenset()

    def open(self) -> Iterator[Request]:
        """Yield the first requests."""
        introduced = False
        for type_url in FOLLOWED:
            request = Request(type_url=type_url)
            if type_url == SECRET:
                self._asked = self.served.wanted_secrets
                if not self._asked:
                    continue
                request.resource_names_subscribe.extend(sorted(self._asked))
            else:
                request.resource_names_subscribe.append(_WILDCARD)
                request.initial_resource_versions.update(self.served.versions.get(type_url, {}))
            if not introduced:
                request.node.CopyFrom(self._node)
                introduced = True
            yield request

    def take(self, response: Response) -> Iterator[Request]:
        """Take a response; yield its ACK or NACK, and what else there is to ask for by now."""
        answer = Request(type_url=response.type_url, response_nonce=response.nonce)
        self.fault, self.changed = "", {}
        try:
            changed = {
                one.name: (one.version, _body(response.type_url, one.resource))
                for one in response.resources
                if one.HasField("resource")
            }
            self.served = self.served.taking(response.type_url, changed, response.removed_resources)
            self.changed = changed
        except (UnusableError, DecodeError) as error:
            self.fault = str(error)
            answer.error_detail.code = _INVALID
            answer.error_detail.message = self.fault
        yield answer
        wanted = self.served.wanted_secrets
        if wanted != self._asked:
            request = Request(type_url=SECRET)
            request.resource_names_subscribe.extend(sorted(wanted - self._asked))
            request.resource_names_unsubscribe.extend(sorted(self._asked - wanted))
            self._asked = wanted
            yield request


def _body(type_url: str, resource: google.protobuf.Any) -> bytes:
    if resource.type_url != type_url:
        raise UnusableError(f"a {resource.type_url} among resources {type_url}")
    if type_url in TYPES:
        body: bytes = MESSAGES[type_url].FromString(resource.value).body
        return body
    return tls_v3.Secret.FromString(resource.value).generic_secret.secret.inline_bytes
