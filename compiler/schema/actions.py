"""What a route does that is not forwarding: redirects and direct answers, and shares of a split."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from compiler.schema.matches import PathText
from compiler.schema.url import split_url
from policies.document import Document, Maybe, Unfold, keyed, one_of
from policies.values import HeaderValue, Host, Name, Port, refuse

_BODY_LIMIT = 4096  # what Envoy answers directly (RouteConfiguration.max_direct_response_body_size)


class BranchDocument(Document):
    """A share of a route's requests."""

    to: Name
    """The service that gets it."""
    weight: Annotated[int, Field(ge=0, le=1_000_000, examples=[90])]
    """The share, relative to the other branches."""


class RedirectDocument(Document):
    """Send clients elsewhere; what is not written stays as it was asked for. A text is a URL."""

    model_config = ConfigDict(json_schema_extra=one_of(("path", "prefix"), at_least=0))

    code: Literal[301, 302, 303, 307, 308] = 302
    """301 and 308 are remembered by clients; 307 and 308 keep the method."""
    scheme: Maybe[Literal["http", "https"]] = None
    """The new scheme."""
    host: Maybe[Host] = None
    """The new host."""
    port: Maybe[Port] = None
    """The new port."""
    path: Maybe[PathText] = None
    """The new path."""
    prefix: Maybe[PathText] = None
    """What takes the place of the path's part that `match.prefix` matched."""
    strip_query: bool = False
    """Drop the query."""


def _unfold_redirect(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    hint = "write `https://host/path`, or a mapping such as `{ scheme: https }`"
    if value.startswith("/"):
        return {"path": value}
    parts, port = split_url(value, hint)
    if parts.query or parts.fragment:
        refuse("bad-url", "a redirect's URL has neither query nor fragment", hint)
    to: dict[str, Any] = {"scheme": parts.scheme, "host": parts.hostname}
    if port is not None:
        to["port"] = port
    if parts.path:
        to["path"] = parts.path
    return to


Redirect = Annotated[
    RedirectDocument,
    Unfold(
        _unfold_redirect,
        {
            "type": "string",
            "pattern": "^(https?://|/)",
            "description": "The URL to go to; without a path, the path stays.",
            "examples": ["https://new.example.com"],
        },
    ),
]


def _short(body: str) -> str:
    if len(body.encode()) > _BODY_LIMIT:
        hint = "serve what is larger from a service"
        refuse("body-too-large", f"a direct answer has at most {_BODY_LIMIT} bytes", hint)
    return body


class RespondDocument(Document):
    """Answer at once. A number is its `status`."""

    status: Annotated[int, Field(ge=200, le=599, examples=[404])]
    """The HTTP status."""
    body: Annotated[str, AfterValidator(_short), Field(examples=["not here"])] = ""
    """The body, at most 4096 bytes."""
    content_type: HeaderValue = "text/plain"
    """The media type of the body."""


Respond = Annotated[
    RespondDocument,
    keyed("status", {"type": "integer", "minimum": 200, "maximum": 599, "examples": [404]}, int),
]
