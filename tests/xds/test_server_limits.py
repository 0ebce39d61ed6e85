"""A control plane under clients that take too much, too fast, too slowly, or never speak."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import grpc
import pytest

from tests.e2e.envoy_process import until
from tests.e2e.plane_thread import running_plane
from tests.xds.hand_made import listener, routes
from xds.admission import Limits
from xds.identity import REFUSAL
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.order import CLUSTER, LISTENER, ROUTE
from xds.schema import envoy
from xds.snapshot import snapshot

discovery = envoy.service.discovery.v3
ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


class Stream:
    """A raw delta stream: ``ask`` sends, `next` gives a response, `code` how it ended."""

    def __init__(self, channel, node="raw"):
        self._sent = []
        self._more = threading.Condition()
        self._done = False
        self._node = node
        call = channel.stream_stream(
            ADS + "DeltaAggregatedResources",
            request_serializer=discovery.DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=discovery.DeltaDiscoveryResponse.FromString,
        )
        self.call = call(self._requests())

    def ask(self, type_url, *names, **more):
        request = discovery.DeltaDiscoveryRequest(
            type_url=type_url, resource_names_subscribe=names, **more
        )
        request.node.id = self._node
        with self._more:
            self._sent.append(request)
            self._more.notify()
        return self

    def next(self):
        return next(self.call)

    def ended(self):
        """The status that the stream ends with; what comes before is dropped."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError:
            pass
        return self.call.code(), self.call.details()

    def close(self):
        with self._more:
            self._done = True
            self._more.notify()

    def _requests(self):
        while True:
            with self._more:
                self._more.wait_for(lambda: self._sent or self._done)
                if not self._sent:
                    return
                request = self._sent.pop(0)
            yield request


@contextmanager
def served(**options):
    """A plane that serves something, and a channel to it."""
    with running_plane(barrier=0.2, **options) as plane:
        plane.publish(listener(), routes())
        with grpc.insecure_channel(plane.plane.address) as channel:
            yield plane, channel


def test_more_streams_than_may_be_are_turned_away_with_a_hint():
    """Those that are there are served on, and one that leaves makes room."""
    with served(limits=Limits(streams_of_a_peer=2)) as (plane, channel):
        first, second = (Stream(channel).ask(CLUSTER) for _ in range(2))
        first.next(), second.next()
        third = Stream(channel).ask(CLUSTER)
        code, text = third.ended()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "as many streams as it may" in text
        assert dict(third.call.trailing_metadata())["grpc-retry-pushback-ms"] == "30000"
        assert first.ask(LISTENER, "*").next().resources[0].name == "public"
        second.close()
        until(lambda: plane.plane.streams == 1, "it did not leave")
        assert Stream(channel).ask(CLUSTER).next()


def test_streams_that_come_too_fast_wait_for_their_turn_or_are_turned_away():
    """The first waits a little, the next would wait too long."""
    limits = Limits(new_streams=5, new_streams_at_once=1, patience=0.3)
    with served(limits=limits) as (_, channel):
        started = time.monotonic()
        streams = [Stream(channel).ask(CLUSTER) for _ in range(10)]
        served_ones = 0
        for stream in streams:
            try:
                stream.next()
                served_ones += 1
            except grpc.RpcError:
                assert stream.call.code() is grpc.StatusCode.UNAVAILABLE
                assert int(dict(stream.call.trailing_metadata())["grpc-retry-pushback-ms"]) > 300
        assert 2 <= served_ones <= 4
        assert time.monotonic() - started >= 0.2


def test_a_client_that_floods_requests_is_closed():
    """Others go on."""
    with served(limits=Limits(requests=10, requests_at_once=50)) as (_, channel):
        quiet = Stream(channel).ask(CLUSTER)
        quiet.next()
        flood = Stream(channel)
        for _ in range(200):
            flood.ask(CLUSTER, "nothing")
        code, text = flood.ended()
        assert (code, text) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "too many requests on this stream",
        )
        assert quiet.ask(LISTENER, "*").next()


def test_a_stream_that_never_asks_is_closed():
    """It holds a place that others want."""
    with served(limits=Limits(first_request=0.3)) as (_, channel):
        code, text = Stream(channel).ended()
        assert (code, text) == (grpc.StatusCode.DEADLINE_EXCEEDED, "no request came")


def test_a_stream_without_a_node_is_refused():
    """The protocol asks for one in the first message."""
    with served() as (_, channel):
        call = channel.stream_stream(
            ADS + "DeltaAggregatedResources",
            request_serializer=discovery.DeltaDiscoveryRequest.SerializeToString,
        )
        answers = call(iter([discovery.DeltaDiscoveryRequest(type_url=CLUSTER)]))
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_streams_are_closed_when_the_plane_stops_and_new_ones_go_elsewhere():
    """Within the time it has: each is told that it is shutting down."""
    with served() as (plane, channel):
        streams = [Stream(channel).ask(CLUSTER) for _ in range(20)]
        for stream in streams:
            stream.next()
        started = time.monotonic()
        plane.do(plane.plane.stop(grace=5.0))
        assert time.monotonic() - started < 4
        assert {stream.ended() for stream in streams} == {
            (grpc.StatusCode.UNAVAILABLE, "shutting down")
        }


def test_a_connection_is_made_anew_after_its_age():
    """The client is asked to; a stream that does not end by itself is cut some time later."""
    with served(max_age=0.5) as (_, channel):
        stream = Stream(channel).ask(CLUSTER)
        stream.next()
        started = time.monotonic()
        code, _ = stream.ended()
        assert code is grpc.StatusCode.UNAVAILABLE
        assert 0.3 < time.monotonic() - started < 5
        assert Stream(channel).ask(CLUSTER).next()


@pytest.mark.slow
def test_a_client_that_does_not_read_is_closed_and_the_others_do_not_notice():
    """60 MB for a client that leaves its receive window full: it is dropped after its time."""
    tables = [routes(f"table-{number}", body="x" * 3_000) for number in range(20_000)]
    with running_plane(limits=Limits(unread=2.0)) as plane:
        plane.publish(listener(), routes(), *tables)
        reader = HalfDeaf(plane.plane.address)
        reader.ask_for_everything()
        until(lambda: plane.plane.streams == 1, "it did not come")
        with grpc.insecure_channel(plane.plane.address) as channel:
            started = time.monotonic()
            Stream(channel).ask(CLUSTER).next()
            assert time.monotonic() - started < 2
            until(lambda: plane.plane.streams == 1, "it is still there", deadline=10)
        reader.close()


class HalfDeaf:
    """An HTTP/2 client that sends a request and never opens its window for the answer."""

    def __init__(self, at):
        import h2.connection

        host, _, port = at.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._h2 = h2.connection.H2Connection()
        self._h2.initiate_connection()
        self._flush()

    def ask_for_everything(self):
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(
            stream,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", ADS + "DeltaAggregatedResources"),
                (":authority", "plane"),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            ],
        )
        request = discovery.DeltaDiscoveryRequest(type_url=ROUTE, resource_names_subscribe=["*"])
        request.node.id = "half-deaf"
        body = request.SerializeToString()
        self._h2.send_data(stream, b"\0" + len(body).to_bytes(4) + body)
        self._flush()

    def close(self):
        self._socket.close()

    def _flush(self):
        self._socket.sendall(self._h2.data_to_send())


def test_a_stream_ends_when_the_policy_no_longer_takes_its_node():
    """Open streams are held against every new policy, not only against that of their start."""
    with running_plane() as plane:
        made = snapshot([listener(), routes()])
        plane.do(plane.plane.publish_fleet((Build("all", NodeMatch(), made),)))
        with grpc.insecure_channel(plane.plane.address) as channel:
            stream = Stream(channel, "raw").ask(CLUSTER)
            stream.next()
            plane.do(plane.plane.publish_fleet((Build("eu", NodeMatch(id="eu-*"), made),)))
            assert stream.ended() == (grpc.StatusCode.PERMISSION_DENIED, REFUSAL)


def test_who_is_turned_away_over_and_over_is_told_once(caplog):
    """A client that hammers does not fill the log."""
    with served(limits=Limits(streams_of_a_peer=1)) as (_, channel):
        Stream(channel).ask(CLUSTER).next()
        for _ in range(5):
            assert Stream(channel).ended()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    told = [one.getMessage() for one in caplog.records if "turned away" in one.getMessage()]
    assert told == ["stream of 127.0.0.1 turned away: this address has as many streams as it may"]


def test_a_fault_of_ours_ends_one_stream_and_is_logged_once_with_its_trace(caplog):
    """Its client is not told what the error says; the other streams are served on."""
    with served() as (plane, channel):
        bystander = Stream(channel, "bystander").ask(LISTENER)
        bystander.next()

        def fails(*_):
            raise RuntimeError("sk-in-an-error")

        victims = [Stream(channel, name).ask(LISTENER) for name in ("one", "two")]
        for victim in victims:
            victim.next()
        right, plane.plane.fleet.refuse = plane.plane.fleet.refuse, fails
        for victim in victims:
            code, text = victim.ask(ROUTE, "r").ended()
            assert code is grpc.StatusCode.INTERNAL
            assert "sk-in-an-error" not in text
        plane.plane.fleet.refuse = right
        plane.publish(listener("another"), routes())
        assert bystander.next().resources[0].name == "another"
        bystander.close()
    faults = [one for one in caplog.records if one.exc_info]
    assert [one.name for one in faults] == ["gatewright.xds"]


def test_garbage_is_the_client_s_fault_and_is_told_once(caplog):
    """Bytes that are no request: no trace of ours, however often they come."""
    with served() as (_plane, channel):
        for _ in range(3):
            call = channel.stream_stream(ADS + "DeltaAggregatedResources")(iter([b"\xff\xff"]))
            with pytest.raises(grpc.RpcError):
                next(call)
            assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    told = [one for one in caplog.records if one.levelname in {"WARNING", "ERROR"}]
    assert [one.getMessage().partition(": ")[2] for one in told] == ["what came is no request"]
