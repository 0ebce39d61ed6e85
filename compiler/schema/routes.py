"""The ``routes`` section: which requests go where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from compiler.schema.actions import BranchDocument, Redirect, Respond
from compiler.schema.attached import with_policies
from compiler.schema.matches import HostPattern, Match
from policies.base import Place
from policies.document import Document, Items, Maybe, NonEmpty, OneOrMore, one_of
from policies.values import ModelName, Name, refuse, shown

ACTIONS = ("service", "split", "serve", "redirect", "respond")
_LATER = ("keys", "jwt", "oidc", "mtls")


def _check_auth(value: Any) -> Any:
    hint = "`none` is what there is"
    if value in _LATER:
        refuse("not-yet", f"`auth: {value}` is not built yet", hint)
    if isinstance(value, str) and value != "none":
        refuse("bad-auth", f"{shown(value)} is no way to authenticate", hint)
    return value


Auth = Annotated[
    Literal["none"],
    BeforeValidator(_check_auth),
    WithJsonSchema({"enum": ["none"], "description": "Who may use the route: `none` is anybody."}),
]


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
    redirect: Maybe[Redirect] = None
    """Where clients are sent."""
    respond: Maybe[Respond] = None
    """What is answered at once."""
    auth: Maybe[Auth] = None
    """Who may use it. `serve: llm` spends money, so there it must be written."""
