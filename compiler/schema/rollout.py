"""The ``rollout`` section: how a change comes to the nodes of a fleet."""

from __future__ import annotations

from datetime import timedelta

from policies.document import Document, Maybe, OneOrMore
from policies.values import Duration, Share


class RolloutDocument(Document):
    """A change comes to some nodes of each group first, and to more while all is well."""

    canary: Share
    """The share of a group's nodes that gets a change first; at least one node."""
    then: OneOrMore[Share] = ()
    """The shares that have it after each further wave, up to `100%`; at once all unless written."""
    hold: Duration = timedelta(minutes=2)
    """How long a wave must be well, once all of its nodes have taken the change, before the next
    one begins."""
    max_errors: Maybe[Share] = None
    """The share of a wave's requests that may fail; a wave with more is rolled back. Unless
    written, only what nodes refuse is."""
    deadline: Duration = timedelta(minutes=10)
    """How long a wave may take, `hold` included; after it, the wave is rolled back."""
