"""What a provider's error means: its status, its headers and its body become a `Failure`.

The shapes of bodies that are read, in any of which the message may be missing:

    OpenAI, Azure, Anthropic, Mistral  {"error": {"message", "type", "code"}}
    vLLM, Mistral                      {"object": "error", "message", "type", "code"}
    llama.cpp, Ollama, TGI             {"error": "text"}, {"error": {"code": 500, "message"}}
    FastAPI, Mistral                   {"detail": "text"} or {"detail": [{"msg"}]}, or in "message"
    Google                             {"error": {"code", "message", "status"}}, or that in a list
    AWS                                {"message"} or {"Message"}, the type in x-amzn-errortype
    Cohere                             {"message"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ext_authz.translate.errors import Failure, Kind
from ext_authz.translate.wire import NotJsonError, decode_lenient

_LONGEST: Final = 2000
"""How many characters of a body that is no JSON become the message."""

_OF_STATUS: Final[dict[int, Kind]] = {
    400: "invalid",
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    422: "invalid",
    424: "server",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_OF_NAME: Final[dict[str, Kind]] = {
    # OpenAI, Azure
    "insufficient_quota": "billing",
    "billing_hard_limit_reached": "billing",
    "context_length_exceeded": "context_exceeded",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "invalid_api_key": "authentication",
    "rate_limit_exceeded": "rate_limited",
    "server_error": "server",
    "model_not_found": "not_found",
    "deploymentnotfound": "not_found",
    # llama.cpp
    "exceed_context_size_error": "context_exceeded",
    "unavailable_error": "overloaded",
    # Anthropic
    "invalid_request_error": "invalid",
    "authentication_error": "authentication",
    "billing_error": "billing",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "request_too_large": "too_large",
    "rate_limit_error": "rate_limited",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
    "api_error": "server",
    # Google
    "invalid_argument": "invalid",
    "failed_precondition": "invalid",
    "unauthenticated": "authentication",
    "permission_denied": "permission",
    "not_found": "not_found",
    "resource_exhausted": "rate_limited",
    "internal": "server",
    "unavailable": "overloaded",
    "deadline_exceeded": "timeout",
    # AWS
    "accessdeniedexception": "permission",
    "throttlingexception": "rate_limited",
    "modelnotreadyexception": "rate_limited",
    "servicequotaexceededexception": "rate_limited",
    "resourcenotfoundexception": "not_found",
    "modeltimeoutexception": "timeout",
    "validationexception": "invalid",
    "modelerrorexception": "server",
    "modelstreamerrorexception": "server",
    "internalserverexception": "server",
    "serviceunavailableexception": "overloaded",
    "unrecognizedclientexception": "authentication",
    "expiredtokenexception": "authentication",
}
_STATUS_OF: Final[dict[Kind, int]] = {"content_filter": 400, "context_exceeded": 400}
# Said in the message by those who have no code for it.
_FILTERED: Final = (
    "content filtering policy",
    "content management policy",
    "content safety policy",
)
_NO_CREDIT: Final = ("credit balance is too low",)
_TOO_LONG: Final = (
    "prompt is too long",
    "input is too long",
    "maximum context length",
    "exceeds the maximum number of tokens",
    "context window",
    "exceed context limit",
    "too many tokens",
    "too many input tokens",
    "too many total text bytes",
    "larger than max context length",
    "exceeds the available context size",
)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Read an error answer; `headers` have lower-case names. Never raises."""
    named = headers.get("x-amzn-errortype", "").partition(":")[0].rpartition("#")[2]
    if headers.get("content-type", "").startswith("text/html"):
        # A proxy's page in between: nothing in it is for the client.
        return failure_of(status, {}, named)
    try:
        value = decode_lenient(body)
    except NotJsonError:
        value = {"message": body[:_LONGEST].decode("utf-8", "replace").strip()}
    return failure_of(status, value, named)


def failure_of(status: int, value: Any, named: str = "") -> Failure:
    """Read the JSON of an error; `status` 0 is that of an error inside a stream.

    `named` is the name of the error where it stands outside the body.
    """
    if isinstance(value, list) and value:
        value = value[0]
    fields = value if isinstance(value, dict) else {"message": value}
    inner = fields.get("error")
    error: dict[str, Any] = inner if isinstance(inner, dict) else {**fields, "message": inner}
    if not error.get("message"):
        error = {**error, "message": _other_message(fields)}
    names = [named, _text(error.get("code")), _text(error.get("status")), _text(error.get("type"))]
    inner_code = error.get("innererror")
    if isinstance(inner_code, dict) and inner_code.get("code") == "ResponsibleAIPolicyViolation":
        names.insert(0, "content_filter")
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("reason") == "API_KEY_INVALID":
            # Google says 400 to a wrong key.
            names.insert(0, "invalid_api_key")
            status = 401
    if not 400 <= status < 600:
        status = _inner_status(error)
    kind = _kind(status, [name.lower() for name in names if name])
    message = _text(error.get("message")) or _default_message(kind, status)
    if kind == "invalid":
        kind = _said(message.lower())
    param = error.get("param")
    return Failure(
        kind,
        message,
        status=_STATUS_OF.get(kind, status),
        code=_code(error.get("code")),
        param=param if isinstance(param, str) else None,
    )


def _said(message: str) -> Kind:
    """What a refusal is that says so in words alone."""
    if any(words in message for words in _TOO_LONG):
        return "context_exceeded"
    if any(words in message for words in _FILTERED):
        return "content_filter"
    return "billing" if any(words in message for words in _NO_CREDIT) else "invalid"


def _kind(status: int, names: list[str]) -> Kind:
    """The most telling of the names, else what the status says."""
    found = [_OF_NAME[name] for name in names if name in _OF_NAME]
    special = [kind for kind in found if kind not in ("invalid", "server")]
    if special:
        return special[0]
    if status:
        return _OF_STATUS.get(status, "invalid" if status < 500 else "server")
    return found[0] if found else "server"


def _inner_status(error: dict[str, Any]) -> int:
    """A status that the body itself gives as a number: Google, vLLM and llama.cpp do."""
    for member in ("code", "http_status_code"):
        code = error.get(member)
        if isinstance(code, str) and code.isdecimal():
            code = int(code[:4])
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return 0


def _other_message(fields: dict[str, Any]) -> Any:
    for member in ("message", "Message", "detail", "errorMessage"):
        told = fields.get(member)
        if isinstance(told, list):
            parts = [one.get("msg") if isinstance(one, dict) else one for one in told]
            told = "; ".join([part for part in parts if isinstance(part, str)])
        if isinstance(told, dict):
            told = told.get("msg") or _other_message(told)
        if told:
            return told
    return None


def _default_message(kind: Kind, status: int) -> str:
    said = kind.replace("_", " ")
    if status:
        return f"The provider answered with status {status} ({said})"
    return f"The provider broke the answer off ({said})"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _code(value: Any) -> str | None:
    """The code of OpenAI's schema is a string: numbers, which repeat the status, are left out."""
    return value if isinstance(value, str) and value and not value.isdecimal() else None
