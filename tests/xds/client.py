"""A client without a socket: speaks SotW or delta to a session, and decodes the answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from xds.delta import DeltaWatch
from xds.group import Group
from xds.order import CLUSTER, ENDPOINT, LISTENER, ROUTE
from xds.schema import envoy
from xds.session import Session
from xds.sotw import SotwWatch

discovery = envoy.service.discovery.v3

SHORT = {"cds": CLUSTER, "eds": ENDPOINT, "lds": LISTENER, "rds": ROUTE}


@dataclass(frozen=True)
class Response:
    """One response, decoded: bodies by name, and what else it said."""

    type_url: str
    nonce: str
    version: str
    resources: dict[str, bytes]
    removed: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    ttls: dict[str, float] = field(default_factory=dict)
    beats: frozenset[str] = frozenset()
    """Names without a resource: their TTL is renewed."""

    @property
    def names(self):
        return set(self.resources)


@dataclass
class Client:
    """One stream. `ask` sends a request and gives the responses that came; ``now`` is its clock."""

    group: Group
    protocol: str
    node: str = "client"
    now: float = 0.0
    features: tuple[str, ...] = ()
    session: Session = field(init=False)
    nacks: list = field(default_factory=list)
    _met: bool = False

    def __post_init__(self):
        self.session = self.group.join(SotwWatch if self.protocol == "sotw" else DeltaWatch)

    def ask(self, type_url, *names, drop=(), nonce="", version="", has=None, error=None):
        """Send one request: names are those wanted (SotW) or newly wanted (delta)."""
        if self.protocol == "sotw":
            request = discovery.DiscoveryRequest(version_info=version, resource_names=names)
        else:
            request = discovery.DeltaDiscoveryRequest(
                resource_names_subscribe=names,
                resource_names_unsubscribe=drop,
                initial_resource_versions=has or {},
            )
        request.type_url = SHORT.get(type_url, type_url)
        request.response_nonce = nonce
        if error is not None:
            request.error_detail.code = 13
            request.error_detail.message = error
        return self.send(request)

    def send(self, request):
        if not self._met:
            request.node.id = self.node
            request.node.client_features.extend(self.features)
            self._met = True
        verdict = self.session.receive(request, self.now)
        nack = self.group.refuse(self.session, verdict)
        if nack is not None:
            self.nacks.append(nack)
            self.group.steer(self.now)
        return self.take()

    def take(self):
        """The responses to send now."""
        out = [self._decode(frame) for frame in self.session.flush(self.now)]
        self.group.settle(self.session)
        return out

    def publish(self, snapshot, blocked=frozenset()):
        """Publish for the whole group, and give what this stream is sent then."""
        if self.group.publish(snapshot, blocked):
            self.group.steer(self.now)
        return self.take()

    def ack(self, response, *names):
        """Acknowledge; in SotW the names are those that the client wants still."""
        return self.ask(response.type_url, *names, nonce=response.nonce, version=response.version)

    def ack_all(self, responses):
        """Acknowledge these (in delta) and what follows; give all of them, in order."""
        heard = list(responses)
        for response in heard:
            heard += self.ack(response)
        return heard

    def nack(self, response, *names, error="no"):
        """Refuse; the version is the one before, which no server may look at."""
        return self.ask(response.type_url, *names, nonce=response.nonce, error=error)

    def _decode(self, frame):
        if self.protocol == "sotw":
            message = discovery.DiscoveryResponse.FromString(frame)
            wrapped = [unwrapped(one) for one in message.resources]
            removed = frozenset()
            version = message.version_info
        else:
            message = discovery.DeltaDiscoveryResponse.FromString(frame)
            wrapped = list(message.resources)
            removed = frozenset(message.removed_resources)
            version = message.system_version_info
        assert len({one.name for one in wrapped}) == len(wrapped), "a name came twice"
        full = [one for one in wrapped if one.HasField("resource") or one.aliases]
        bodies = {one.name: one.resource.SerializeToString() for one in full}
        timed = [one for one in wrapped if one.HasField("ttl")]
        ttls = {one.name: one.ttl.ToTimedelta().total_seconds() for one in timed}
        beats = frozenset(one.name for one in wrapped) - bodies.keys()
        missing = frozenset(one.resource_name.name for one in message.resource_errors)
        assert all(one.error_detail.code == 5 for one in message.resource_errors)
        return Response(
            message.type_url, message.nonce, version, bodies, removed, missing, ttls, beats
        )


def unwrapped(packed):
    """A resource of a SotW response as a delta response has it, wrapped or bare."""
    resource = discovery.Resource()
    if not packed.Unpack(resource):
        resource.name = named(packed)
        resource.resource.CopyFrom(packed)
    return resource


def named(wrapped):
    from xds.wire import unpack

    message = unpack(wrapped)
    return getattr(message, "cluster_name", "") or message.name
