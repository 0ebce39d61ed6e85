"""A policy's text, compiled by the whole line of stages and run by the real Envoy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.standalone import standalone
from tests.e2e.envoy_process import EnvoyProcess, running
from xds.secrets import SecretReader


@contextmanager
def gateway(
    policy: str,
    folder: Path = Path(),
    beside: Mapping[str, str] | None = None,
    **places: str | int,
) -> Iterator[EnvoyProcess]:
    """Run a policy in which ``<name>`` stands for what ``places`` says.

    Its listeners get ephemeral ports; its secret files lie below ``folder``. ``beside`` are other
    files of the policy, by name.
    """
    for name, value in places.items():
        policy = policy.replace(f"<{name}>", str(value))
    compiled = compile_sources(
        sources_of({"gateway.yaml": policy, **(beside or {})}), until="checked"
    )
    assert compiled.ok, "\n".join(f"{d.span}: {d.code}: {d.message}" for d in compiled.diagnostics)
    read = SecretReader(folder, os.environ).read(compiled.lowered.secrets)
    assert not read.unresolved
    secrets = {resource.name: resource.message for resource in read.resources}
    bootstrap = standalone(compiled.lowered, secrets)
    for listener in bootstrap["static_resources"]["listeners"]:
        listener["address"]["socket_address"]["port_value"] = 0
    with running(bootstrap) as envoy:
        yield envoy
