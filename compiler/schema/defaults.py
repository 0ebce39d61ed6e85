"""The ``defaults`` section: what holds where nothing else is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from policies.document import Document, Maybe
from policies.values import Duration, Size, Timeout, refuse

_SHORTEST_TTL = timedelta(seconds=10)


def _long_enough(ttl: timedelta) -> timedelta:
    if ttl < _SHORTEST_TTL:
        refuse(
            "runtime-ttl-too-short",
            "Envoys would drop the runtime keys at the first pause of the control plane",
            "write `10s` or more",
        )
    return ttl


class DefaultsDocument(Document):
    """What holds wherever a listener, service, provider, model or route says nothing else."""

    connect_timeout: Duration = timedelta(seconds=2)
    """How long a connection to a service or a provider may take to open."""
    timeout: Timeout = timedelta(seconds=15)
    """The time that a request to a service has, from its end to the end of the answer."""
    model_timeout: Duration = timedelta(minutes=10)
    """The time that a request for a model has, over all attempts."""
    body_limit: Size = 32 << 20
    """The largest request body that an LLM route takes."""
    runtime_ttl: Maybe[Annotated[Duration, AfterValidator(_long_enough)]] = None
    """How long Envoys keep the runtime keys of the policy without hearing from the control plane,
    at least `10s`; for ever unless written."""
