"""The ``tiers`` section: what tenants of one kind have in common."""

from __future__ import annotations

from compiler.schema.choices import ModelChoice, RouteChoice, Tag
from compiler.schema.limits import Budgets, Limits
from compiler.schema.redactions import Redact
from policies.document import Document, Maybe, OneOrMore
from policies.values import Name, Network


class TierDocument(Document):
    """What tenants of this tier have, unless they write the same key themselves.

    A key that is written replaces that of the tier it `extends` as a whole. Limits and budgets are
    counted for each tenant by itself.
    """

    extends: Maybe[Name] = None
    """The tier whose keys hold where this one has none."""
    models: Maybe[OneOrMore[ModelChoice]] = None
    """The models that they may use: names, globs, or `tag:NAME`; all unless written."""
    routes: Maybe[OneOrMore[RouteChoice]] = None
    """The routes that they may use, likewise; all unless written."""
    limits: Maybe[Limits] = None
    """How much each of them may use."""
    budget: Maybe[Budgets] = None
    """How much each of them may spend."""
    tags: Maybe[OneOrMore[Tag]] = None
    """Words by which routes choose tenants."""
    redact: Maybe[Redact] = None
    """The redactions that hold for their requests for models, beside those of gateway and route."""
    addresses: Maybe[OneOrMore[Network]] = None
    """The networks that their clients may come from; any unless written."""
