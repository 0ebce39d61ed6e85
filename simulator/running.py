"""A running simulator: served in this event loop, or in a thread for a synchronous test."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from simulator.config import Config, Provider
from simulator.exchange import Exchange
from simulator.recorder import Bill, Recorded
from simulator.scenario import Scenario, parse_scenario
from simulator.server import Connection


class Simulator:
    """What a test holds of a running simulator; every method may be called from any thread."""

    def __init__(self, exchange: Exchange, ports: dict[str | None, int], scheme: str) -> None:
        self._exchange, self._ports, self._scheme = exchange, ports, scheme

    @property
    def port(self) -> int:
        """The shared port."""
        return self._ports[None]

    def port_of(self, provider: str) -> int:
        """The port that a provider has to itself; KeyError where it has none."""
        return self._ports[provider]

    @property
    def control_url(self) -> str:
        """Where the simulator's own endpoints are: `http://127.0.0.1:PORT/_simulator`."""
        return f"{self._scheme}://{self._exchange.config.host}:{self.port}/_simulator"

    def url(self, provider: str) -> str:
        """What the provider's own SDK takes as `base_url`.

        With `/v1` for openai, without for anthropic. KeyError when there is no such provider.
        """
        return self.origin(provider) + self._exchange.providers[provider][1].base_path

    def origin(self, provider: str) -> str:
        """The same without the API's own path: below it stands `/v1/...`, as at the real one."""
        host = self._exchange.config.host
        if provider in self._ports:
            return f"{self._scheme}://{host}:{self._ports[provider]}"
        if provider not in self._exchange.providers:
            raise KeyError(provider)
        return f"{self._scheme}://{host}:{self.port}/{provider}"

    def urls(self) -> dict[str, str]:
        """`url` of every provider."""
        return {name: self.url(name) for name in self._exchange.providers}

    @property
    def requests(self) -> list[Recorded]:
        """The requests that came, oldest first; one in progress has no `finished_at`."""
        return self._exchange.recorder.requests()

    def requests_to(self, provider: str) -> list[Recorded]:
        """The requests that came to one provider."""
        return [record for record in self.requests if record.provider == provider]

    def usage(self) -> dict[str, dict[str, Bill]]:
        """What was billed so far, by provider and model."""
        return self._exchange.recorder.usage()

    def on_finish(self, callback: Callable[[Recorded], None] | None) -> None:
        """Call `callback` (in the simulator's thread) with each request that is over."""
        self._exchange.recorder.on_finish = callback

    def set_scenario(self, provider: str, scenario: Any) -> None:
        """Let a provider do something else from now on.

        Takes a `Scenario`, or what `parse_scenario` reads (`429`, `"cut:3"`, `["429", "ok"]`).
        """
        if not isinstance(scenario, Scenario):
            scenario = parse_scenario(scenario)
        self._exchange.set_scenario(provider, scenario)

    def add(self, provider: Provider) -> None:
        """Serve one more provider below `/<name>` of the shared port, from now on."""
        self._exchange.add(provider)
        self._exchange.urls[provider.name] = self.url(provider.name)

    def reset(self) -> None:
        """As configured again: scenarios, requests and sums."""
        for provider in self._exchange.providers:
            self._exchange.set_scenario(provider, None)
        self._exchange.recorder.forget_requests()
        self._exchange.recorder.forget_usage()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Block until a condition holds; TimeoutError when it does not in time.

        For threads other than the simulator's own: in its event loop it would wait for itself.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the simulator did not come to what was waited for")
            time.sleep(0.002)

    def wait_idle(self, timeout: float = 10.0) -> None:
        """Block until no request is in progress."""
        self.wait_for(lambda: self._exchange.recorder.open_requests == 0, timeout)


@contextlib.asynccontextmanager
async def serve(
    config: Config | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Simulator]:
    """Serve a simulator in this event loop until the block ends.

    OSError when a port is taken, ValueError when a provider's API is not known. `tls` serves
    HTTPS on every port.
    """
    config = config or Config()
    exchange = Exchange(config)
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()

    async def listen(bound: str | None, port: int) -> asyncio.Server:
        def connected() -> Connection:
            return Connection(exchange, bound, connections)

        return await loop.create_server(connected, config.host, port, backlog=1024, ssl=tls)

    async with contextlib.AsyncExitStack() as stack:
        ports: dict[str | None, int] = {}
        stack.push_async_callback(_stop, connections)
        asked: list[tuple[str | None, int | None]] = [(None, config.port)]
        asked += [(provider.name, provider.port) for provider in config.providers]
        for bound, port in asked:
            if port is not None:
                server = await listen(bound, port)
                stack.callback(server.close)
                ports[bound] = server.sockets[0].getsockname()[1]
        simulator = Simulator(exchange, ports, "https" if tls else "http")
        exchange.urls = simulator.urls()
        yield simulator


async def _stop(connections: set[Connection]) -> None:
    """Break off what is open, and wait until it has ended."""
    while connections:
        for connection in tuple(connections):
            connection.stop()
        await asyncio.sleep(0)
    await asyncio.sleep(0)


@contextlib.contextmanager
def start_in_thread(
    config: Config | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[Simulator]:
    """Serve a simulator in a thread of its own until the block ends: for synchronous tests."""
    ready = threading.Event()
    holder: list[Simulator] = []
    failure: list[BaseException] = []
    runner = asyncio.Runner(loop_factory=_fast_loop())
    stopping = asyncio.Event()

    async def run() -> None:
        async with serve(config, tls=tls) as simulator:
            holder.append(simulator)
            ready.set()
            await stopping.wait()

    def work() -> None:
        try:
            with runner:
                runner.run(run())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="simulator", daemon=True)
    thread.start()
    ready.wait()
    if failure:
        raise failure[0]
    try:
        yield holder[0]
    finally:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has failed already
            runner.get_loop().call_soon_threadsafe(stopping.set)
        thread.join()
        if failure:
            raise failure[0]


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop's loop where it is installed: a third of asyncio's CPU a request."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run_until_signalled(config: Config, ready: Callable[[Simulator], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once it listens."""
    import signal

    async def run() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with serve(config) as simulator:
            ready(simulator)
            await stopping.wait()

    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(run())
