"""Which operation of a `serve: llm` route a request is for, and what is refused before any target.

The path tells the operation, the body the model; a request whose method or content type is wrong
is never read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from compiler.decide.bodies import (
    MALFORMED,
    is_form_type,
    is_json_type,
    read_form,
    read_json,
)
from compiler.decide.laid import Laid
from compiler.decide.paths import Normal
from compiler.decide.refusing import Refused, no_model
from compiler.decide.request import Request
from compiler.plan import Route, Serve
from compiler.plan_llm import FORMS, Api, Endpoint, Model

MODELS: Final = "/models"

_OTHER_TYPE: Final = Refused(415, "the content type must be application/json")
_NO_FORM: Final = Refused(415, "the content type must be multipart/form-data")
_UNREAD: Final = Refused(400, "what is redacted is not looked for in files", "unsupported_api")


@dataclass(frozen=True, slots=True)
class Meant:
    """What a request is for.

    ``endpoint`` is the operation; ``refused`` why it is none that can be served. ``model`` is the
    model that serves it, ``asked`` how the client calls it. ``listing`` tells that all models are
    asked about, ``entry`` that one is.
    """

    api: Api
    endpoint: Endpoint | None = None
    refused: Refused | None = None
    model: Model | None = None
    asked: str = ""
    stream: bool = False
    about_models: bool = False
    listing: bool = False
    entry: str = ""
    read: bool = False
    """Whether the body is read, and held to the route's `body_limit`."""


def first_meant(route: Route, request: Request, path: Normal) -> Meant:
    """Tell what is known before the body is read."""
    prefix = route.match.path.rstrip("/")
    api = Api.ANTHROPIC if request.values("anthropic-version") else Api.OPENAI
    rest = path.path.removeprefix(prefix)
    for endpoint in Endpoint:
        if rest == endpoint.value:
            return _operation(endpoint, request)
    if rest == MODELS or rest.startswith(f"{MODELS}/"):
        if request.method != "GET":
            return Meant(api, about_models=False, refused=Refused(405, "only GET is allowed here"))
        if rest == MODELS:
            return Meant(api, about_models=True, listing=True)
        return _entry(api, rest.removeprefix(f"{MODELS}/"))
    return Meant(api, refused=Refused(404, "nothing is served here"))


def _operation(endpoint: Endpoint, request: Request) -> Meant:
    api = endpoint.api
    if request.method != "POST":
        return Meant(api, endpoint, Refused(405, f"only POST is allowed on {endpoint}"))
    kind = ",".join(request.values("content-type"))
    if endpoint in FORMS:
        if not is_form_type(kind):
            return Meant(api, endpoint, _NO_FORM)
    elif not is_json_type(kind):
        return Meant(api, endpoint, _OTHER_TYPE)
    return Meant(api, endpoint, read=True)


def _entry(api: Api, name: str) -> Meant:
    # What stands escaped in a path may be meant; names with other characters are asked for so.
    return Meant(api, about_models=True, entry=unquote(name))


def names_served(laid: Laid, route: Route) -> Iterator[tuple[str, Model]]:
    """Yield every name that clients of a route may ask for, aliases too, with its model."""
    for own in route.action.models if isinstance(route.action, Serve) else ():
        model = laid.models.get(own)
        if model is not None:
            for name in (model.name, *model.aliases):
                yield name, model


def then_meant(laid: Laid, route: Route, request: Request, first: Meant) -> Meant:
    """Tell what is meant once the body has been read."""
    endpoint = first.endpoint
    if endpoint is None or not first.read:
        return first
    if endpoint in FORMS:
        body = read_form(request.body, ",".join(request.values("content-type")))
    else:
        body = read_json(request.body)
    known = dict(names_served(laid, route))
    model = known.get(body.model)
    refused: Refused | None = None
    if not body.model:
        malformed = body.problem == MALFORMED
        why = "the body is no JSON" if malformed else "the body names no model"
        refused = Refused(400, why)
    elif model is None:
        refused = no_model(body.model)
    elif endpoint not in model.endpoints:
        there = model.endpoints[0] if model.endpoints else "no operation"
        refused = Refused(400, f"`{model.name}` is served at {there}", "wrong_endpoint")
    elif laid.needs.unread(route, endpoint, model):
        refused = _UNREAD
    return Meant(
        first.api,
        endpoint,
        refused,
        None if refused is not None else model,
        body.model,
        body.stream,
        read=True,
    )
