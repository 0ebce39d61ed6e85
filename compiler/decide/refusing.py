"""Refusals, by their status and the word that clients find in them.

OpenAI's clients get a ``code``, Anthropic's a ``type``; others get what the gateway's own services
say, or no word where Envoy refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from compiler.plan_llm import Api

_ANTHROPIC: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request goes no further; ``code`` is OpenAI's, None where it has none.

    ``told`` is whether those who speak neither API get the code as well.
    """

    status: int
    text: str
    code: str | None = None
    told: bool = True

    def word(self, api: Api | None) -> str | None:
        """Give the word that a client of an API, or of none, finds in the body."""
        if api is Api.ANTHROPIC:
            return _ANTHROPIC.get(self.status, "invalid_request_error")
        return self.code if api is not None or self.told else None


TOO_LARGE: Final = Refused(413, "the body is larger than the route takes", "request_too_large")
UNREACHED: Final = Refused(503, "no upstream could be reached", "unavailable", told=False)
BROKEN_OFF: Final = Refused(502, "the answer was broken off", "bad_gateway", told=False)
LATE: Final = Refused(504, "no answer in time", "timeout", told=False)
COOLING: Final = Refused(503, "the last target is cooling down", "cooling_down")
NOT_PROCESSED: Final = Refused(503, "the edge is away, which has to process it", "unavailable")
NOT_CHECKED: Final = Refused(
    503, "the edge is away, which has to say who asks", "unavailable", told=False
)
NOT_COUNTED: Final = Refused(
    503, "the counters are away, and a limit is closed then", "unavailable"
)
UNKNOWN: Final = Refused(401, "nobody knows who asks", "invalid_api_key")
UNVERIFIED: Final = Refused(401, "no token or certificate is known", "invalid_api_key", told=False)
LOG_IN: Final = Refused(302, "sent to the issuer, to log in", told=False)
NOT_FROM_HERE: Final = Refused(403, "not from this address", "address_not_allowed")
NOT_HERE: Final = Refused(403, "the route is not for it", "forbidden")
NOT_LET_IN: Final = Refused(403, "the route is not for it", "forbidden", told=False)
OVER: Final = Refused(429, "a limit is used up", "rate_limit_exceeded")
OVER_BUDGET: Final = Refused(429, "a budget is used up", "insufficient_quota")
OVER_HERE: Final = Refused(429, "a limit is used up", "rate_limit_exceeded", told=False)


def no_model(name: str) -> Refused:
    """A model that is not there, as far as whoever asks may know."""
    return Refused(404, f"model `{name}` is not there for whoever asks", "model_not_found")
