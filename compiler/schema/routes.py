"""The ``routes`` section: which requests go where."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from compiler.schema.actions import BranchDocument, Redirect, Respond
from compiler.schema.attached import with_policies
from compiler.schema.auth import Auth
from compiler.schema.choices import Tag, TenantChoice
from compiler.schema.limits import Budgets, Limits
from compiler.schema.matches import HostPattern, Match
from compiler.schema.redactions import Redact
from policies.base import Place
from policies.document import Document, Items, Maybe, NonEmpty, OneOrMore, one_of
from policies.values import ModelName, Name

ACTIONS = ("service", "split", "serve", "redirect", "respond")


@with_policies(Place.ROUTE)
class RouteDocument(Document):
    """What happens to the requests that match.

    Exactly one of `service`, `split`, `serve`, `redirect` and `respond`. Routes need no order: the
    most particular match wins.
    """

    model_config = ConfigDict(json_schema_extra=one_of(ACTIONS))

    name: Maybe[Name] = None
    """Its name in metrics and logs; made from the match unless written."""
    match: Match
    """Which requests it takes."""
    host: OneOrMore[HostPattern] = ()
    """The host that is asked for, or several; all unless written."""
    listeners: Maybe[OneOrMore[Name]] = None
    """The listeners that it stands on; all unless written."""
    service: Maybe[Name] = None
    """The service that answers."""
    split: Maybe[
        Annotated[
            Items[BranchDocument],
            NonEmpty("empty-split", "this split has no branches", "name at least one service"),
        ]
    ] = None
    """The services that share the requests by weight."""
    serve: Maybe[Literal["llm"]] = None
    """`llm`: answer LLM requests below this path, as the OpenAI and Anthropic APIs do."""
    models: Maybe[Annotated[Items[ModelName], Field(min_length=1)]] = None
    """The models that `serve: llm` offers here; all unless written."""
    redact: Redact = ()
    """The redactions that hold for its requests for models, beside those of the gateway and of the
    tenant."""
    redirect: Maybe[Redirect] = None
    """Where clients are sent."""
    respond: Maybe[Respond] = None
    """What is answered at once."""
    auth: Maybe[Auth] = None
    """How clients say who they are: `keys`, `jwt`, `oidc`, `mtls`, `none`, or several in the order
    in which they are tried; `{ jwt: NAME }` is one issuer alone. `serve: llm` spends money, so
    there it must be written; elsewhere nobody is asked unless it is."""
    allow: Maybe[OneOrMore[TenantChoice]] = None
    """The tenants that it is for: names, globs, or `tag:NAME`; all unless written."""
    access: Literal["all", "on_request"] = "all"
    """`on_request`: only for tenants that have a grant for it."""
    tags: OneOrMore[Tag] = ()
    """Words by which tenants choose routes."""
    limits: Limits = ()
    """How many requests it takes, of all clients together unless `each` says otherwise."""
    budget: Budgets = ()
    """How much may be spent on it."""
