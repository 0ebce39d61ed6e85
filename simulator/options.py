"""The command line of a simulator, shared by `gatewright simulate` and `python -m simulator`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.config import Config


def add_options(parser: argparse.ArgumentParser, default_port: int) -> None:
    """Add the options; cheap, so that `--help` is."""
    parser.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="NAME=API[@PORT]",
        help="a provider to simulate, and its API: openai, azure, mistral, cohere, anthropic, "
        "gemini, bedrock, anthropic_bedrock, anthropic_vertex, gemini_vertex or echo (a plain "
        "service that answers what it saw); with @PORT it gets a port of its own, where its paths "
        "are the real provider's (@0: any free one). Default: openai, claude and echo",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=OUTCOME[,OUTCOME...]",
        help="what a provider does from the start; outcomes come in order and the last one stays: "
        "openai=429,ok",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=default_port,
        help="port all providers share, each below /NAME (%(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=7,
        help="the same seed and request: the same answer (%(default)s)",
    )
    parser.add_argument(
        "--token-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="time before each token of a stream (%(default)s)",
    )


def read_config(args: argparse.Namespace) -> Config:
    """The configuration that parsed options ask for; ValueError says what is wrong with them."""
    from dataclasses import replace

    from simulator.config import DEFAULT_PROVIDERS, Config, Provider
    from simulator.formats.registry import format_of
    from simulator.scenario import parse_scenario

    providers = {provider.name: provider for provider in DEFAULT_PROVIDERS}
    if args.provider:
        providers = {}
    for given in args.provider:
        name, _, kind = given.partition("=")
        api, at, port = (kind or name).partition("@")
        if at and not port.isdecimal():
            raise ValueError(f"--provider {given}: {port!r} is no port")
        if name in providers:
            raise ValueError(f"--provider {given}: the name is given twice")
        format_of(api)
        providers[name] = Provider(name, api, port=int(port) if at else None)
    for given in args.fault:
        name, _, outcomes = given.partition("=")
        if name not in providers:
            raise ValueError(f"--fault {given}: no provider {name!r}: {', '.join(providers)}")
        scenario = parse_scenario(outcomes.split(","))
        providers[name] = replace(providers[name], scenario=scenario)
    chosen = tuple(
        replace(provider, token_delay=args.token_delay) for provider in providers.values()
    )
    return Config(chosen, seed=args.seed, host=args.host, port=args.port)
