"""The ``defaults`` section: what holds where nothing else is written."""

from __future__ import annotations

from datetime import timedelta

from policies.document import Document
from policies.values import Duration, Size, Timeout


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
