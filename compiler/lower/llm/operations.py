"""The Envoy routes of one operation (``POST /v1/chat/completions``): its models, then refusals.

A request comes here twice. At first nothing is known of its body, and it meets the last route of
its path; when the body has been read, the route is chosen anew, and then it meets its model's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from compiler.lower.attached import attached
from compiler.lower.llm.body_metadata import (
    CONTENT_TYPE,
    FORM_TYPE,
    MALFORMED,
    MISSING,
    read_body,
)
from compiler.lower.llm.errors import ApiError, escaped
from compiler.lower.llm.fallback import lead_to_targets, waits
from compiler.lower.llm.names import (
    ATTEMPTS_HEADER,
    MODEL,
    NAMESPACE,
    PROBLEM,
    RETRY_HEADER,
    STREAM,
    WAIT_HEADER,
    route_name,
)
from compiler.lower.llm.processors import Processors
from compiler.lower.llm.refusals import refuse, set_response_header
from compiler.lower.llm.variants import Variant, variants
from compiler.lower.match import lower_match
from compiler.needs import STREAMED
from compiler.plan import Route
from compiler.plan_llm import FORMS, Choice, Endpoint, Group, Model, Trigger
from policies import body_limit, retries, rewrite, upgrade
from policies.base import Place
from xds.edge.attempt import FIRST
from xds.schema import envoy

matcher_v3 = envoy.type.matcher.v3
route_v3 = envoy.config.route.v3

_OWN = frozenset({body_limit.KIND.name, retries.KIND.name, rewrite.KIND.name, upgrade.KIND.name})
"""Policies that a model's route sees to itself: bodies, attempts and paths are the chain's."""

OPERATIONS = {
    Endpoint.CHAT_COMPLETIONS: "chat",
    Endpoint.COMPLETIONS: "text_completion",
    Endpoint.EMBEDDINGS: "embeddings",
    Endpoint.RESPONSES: "chat",
    Endpoint.INPUT_TOKENS: "count_tokens",
    Endpoint.IMAGES: "generate_image",
    Endpoint.IMAGE_EDITS: "edit_image",
    Endpoint.SPEECH: "generate_speech",
    Endpoint.TRANSCRIPTIONS: "transcribe",
    Endpoint.AUDIO_TRANSLATIONS: "translate_speech",
    Endpoint.MESSAGES: "chat",
    Endpoint.COUNT_TOKENS: "count_tokens",
}
"""``gen_ai.operation.name`` of OpenTelemetry's semantic conventions."""

NO_MODEL = "unknown"
"""What metrics call the model of a request that names none of the route's."""

_WRONG_TYPE = ApiError(415, "Content-Type must be application/json")
_NO_FORM = ApiError(415, "Content-Type must be multipart/form-data")
_NOT_READ = ApiError(
    400,
    "What is redacted on this route cannot be looked for in files: forms are not taken",
    code="unsupported_api",
)


HELD_BYTES = 32 << 20
"""The least that Envoy may hold of a request to a model, and of its answer."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What all routes to models go by: the largest body, and what stands in targets' clusters.

    ``cooling`` are the providers that may be cooling down.
    """

    body_bytes: int
    processors: Processors
    cooling: Collection[str] = ()


def operation_routes(
    route: Route, endpoint: Endpoint, path: str, models: Sequence[Model], serving: Serving
) -> Iterator[route_v3.Route]:
    """Yield the routes of one operation at ``path``, in the order in which they are tried."""
    here = [model for model in models if endpoint in model.endpoints]
    elsewhere = [model for model in models if endpoint not in model.endpoints]
    for model in here:
        if serving.processors.needs.unread(route, endpoint, model):
            unread = _start(route, endpoint, path, model.name)
            unread.match.dynamic_metadata.append(_any_of((model.name, *model.aliases)))
            yield refuse(unread, endpoint.api, _NOT_READ)
            continue
        for variant in variants(route, endpoint, model, serving.processors.needs):
            yield _model_route(route, endpoint, path, model, variant, serving)
    yield from _refusals(route, endpoint, path, elsewhere, serving.body_bytes)
    yield refuse(
        _start(route, endpoint, path, "method", method=None),
        endpoint.api,
        ApiError(405, f"Only POST is allowed on {endpoint}"),
        headers=(("allow", "POST"),),
    )


def _model_route(
    route: Route,
    endpoint: Endpoint,
    path: str,
    model: Model,
    variant: Variant,
    serving: Serving,
) -> route_v3.Route:
    made = _start(route, endpoint, path, model.name)
    made.name = variant.name
    made.match.dynamic_metadata.append(_any_of((model.name, *model.aliases)))
    _only_for(variant, made.match)
    told = {"model": model.name, "choice": _choice(model, variant.groups).value}
    if variant.chosen:
        told["chosen"] = variant.chosen
    made.metadata.filter_metadata[NAMESPACE].update(told)
    if Trigger.CONTENT_FILTER in model.fallback.on and endpoint in STREAMED:
        made.metadata.filter_metadata[NAMESPACE].update({"held": True})
    if same := waits(model.fallback, variant.groups):
        made.metadata.filter_metadata[NAMESPACE].update({"waits": same})
    # Kept for the next attempt. It bounds what is held of answers, too, and Envoy 1.40 ends with a
    # segmentation fault where more of a gated stream waits: what requests may bring is the buffer
    # filter's to say.
    made.request_body_buffer_limit.value = max(serving.body_bytes, HELD_BYTES)
    processors = serving.processors
    processed = processors.present(route, endpoint, model, variant)
    lead_to_targets(
        model, variant.groups, made.route, told=bool(processed), cooling=serving.cooling
    )
    processors.settle(route, endpoint, model, variant, made)
    made.route.timeout.FromTimedelta(model.timeout)
    # A model may think for longer than other streams may say nothing; `timeout` bounds it.
    made.route.idle_timeout.FromTimedelta(model.timeout)
    made.response_headers_to_remove.extend((RETRY_HEADER, WAIT_HEADER))
    set_response_header(made, ATTEMPTS_HEADER, "%UPSTREAM_REQUEST_ATTEMPT_COUNT%")
    for kind, applied in attached(Place.ROUTE, route.policies):
        if kind.patch_route is not None and kind.name not in _OWN:
            kind.patch_route(applied.plan, made)
    return made


def _only_for(variant: Variant, match: route_v3.RouteMatch) -> None:
    """Add the conditions of one of several routes to a model."""
    if variant.stream:
        condition = match.dynamic_metadata.add(filter=NAMESPACE)
        condition.path.add().key = STREAM
        condition.value.bool_match = True
    if variant.first is not None:
        match.headers.add(name=FIRST).string_match.exact = str(variant.first)
    if variant.below is not None:
        size = match.headers.add(name="content-length")
        size.range_match.start = 0
        size.range_match.end = variant.below


def _choice(model: Model, groups: tuple[Group, ...]) -> Choice:
    """What chose among a model's targets, as logs tell it: a split is one by weight."""
    if model.choice is Choice.ORDER and any(len(group.targets) > 1 for group in groups):
        return Choice.WEIGHT
    return model.choice


def _refusals(
    route: Route, endpoint: Endpoint, path: str, elsewhere: Sequence[Model], body_bytes: int
) -> Iterator[route_v3.Route]:
    """What is left: no model, none of these, or a body that is no JSON."""
    api = endpoint.api

    def refusal(
        last: str, error: ApiError, condition: matcher_v3.MetadataMatcher | None
    ) -> route_v3.Route:
        made = _start(route, endpoint, path, last)
        if condition is not None:
            made.match.dynamic_metadata.append(condition)
        return refuse(made, api, error)

    form = endpoint in FORMS
    typed = refusal("content-type", _NO_FORM if form else _WRONG_TYPE, None)
    other = typed.match.headers.add(
        name="content-type", invert_match=True, treat_missing_header_as_empty=True
    )
    other.string_match.safe_regex.regex = FORM_TYPE if form else CONTENT_TYPE
    yield typed
    asked = f"%DYNAMIC_METADATA({NAMESPACE}:{MODEL})%"
    if elsewhere:
        names = [name for model in elsewhere for name in (model.name, *model.aliases)]
        theirs = elsewhere[0].endpoints[0]
        there = escaped(path.removesuffix(endpoint) + theirs)
        yield refusal(
            "other-api",
            ApiError(
                400,
                f"The model `{asked}` is served at POST {there}, not here",
                code="wrong_endpoint",
                param="model",
            ),
            _any_of(names),
        )
    yield refusal(
        "unknown-model",
        ApiError(404, f"The model `{asked}` does not exist", code="model_not_found", param="model"),
        _metadata(MODEL, matcher_v3.StringMatcher(safe_regex={"regex": "(?s).+"})),
    )
    for last, message, condition in (
        ("no-name", "`model` must be a non-empty string", _metadata(MODEL, None)),
        ("missing-model", "you must provide a model parameter", _problem(MISSING)),
        ("malformed-body", "the body of the request is not valid JSON", _problem(MALFORMED)),
    ):
        param = None if last == "malformed-body" else "model"
        yield refusal(last, ApiError(400, message, param=param), condition)
    # Every request with the right type comes here first, and is read, and goes on from here.
    first = refusal("body", ApiError(400, "the request has no body"), None)
    read_body(first, body_bytes, form=form)
    yield first


def _start(
    route: Route, endpoint: Endpoint, path: str, last: str, method: str | None = "POST"
) -> route_v3.Route:
    made = route_v3.Route(
        name=route_name(route.name, endpoint, last), match=lower_match(route.match)
    )
    made.match.path = path
    if method is not None:
        condition = made.match.headers.add()
        condition.name = ":method"
        condition.string_match.exact = method
    made.metadata.filter_metadata[NAMESPACE].update(
        {
            "route": route.name,
            "api": endpoint.api.value,
            "endpoint": endpoint.value,
            "operation": OPERATIONS[endpoint],
            "path": path,
            "model": NO_MODEL,
        }
    )
    return made


def _any_of(names: Iterable[str]) -> matcher_v3.MetadataMatcher:
    matchers = [
        matcher_v3.ValueMatcher(string_match=matcher_v3.StringMatcher(exact=name)) for name in names
    ]
    found = matcher_v3.MetadataMatcher(filter=NAMESPACE)
    found.path.add().key = MODEL
    if len(matchers) == 1:
        found.value.CopyFrom(matchers[0])
    else:
        found.value.or_match.value_matchers.extend(matchers)
    return found


def _problem(problem: str) -> matcher_v3.MetadataMatcher:
    return _metadata(PROBLEM, matcher_v3.StringMatcher(exact=problem))


def _metadata(key: str, text: matcher_v3.StringMatcher | None) -> matcher_v3.MetadataMatcher:
    """Match request metadata: a text, or that the key is there at all."""
    found = matcher_v3.MetadataMatcher(filter=NAMESPACE)
    found.path.add().key = key
    if text is None:
        found.value.present_match = True
    else:
        found.value.string_match.CopyFrom(text)
    return found
