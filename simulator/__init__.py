"""The provider simulator: answers as LLM providers would, with no key and no internet.

It is a package apart from the gateway because it stands on the other side of it: where the
internet would be. Nothing in `compiler`, `policies` or `xds` may import it. Four things use it:
`gatewright simulate`, `gatewright up --simulate`, the tests (as a recording upstream) and the
benchmarks (as a cheap one).

    from simulator.config import Config, Provider
    from simulator.running import serve, start_in_thread

    async with serve(Config(providers=(Provider("openai", "openai"),))) as simulator:
        client = AsyncOpenAI(base_url=simulator.url("openai"), api_key="any")

The way of a request, a file a step:

    http1, http2     bytes -> `message.Request`                            (sans-IO)
    exchange         which provider, which outcome, what is recorded
    formats/<api>    `Call` -> `message.Answer`, the provider's wire format  (pure)
    faults           `Answer` -> the same answer, cut, stalled, spoilt      (pure)
    server           plays the answer's timed chunks into the connection

A new provider API is one file in `formats/` and one line in `formats/registry.py`.
"""
