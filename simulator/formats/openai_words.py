"""OpenAI's words for a request that is not of the API's shape."""

from __future__ import annotations

from typing import Any

from simulator.formats.base import Refused
from simulator.formats.openai_request import missing, wrong_type
from simulator.shape import Departs, Shape, check


def fits(body: Any, shape: Shape) -> None:
    """Raise `Refused`, in the API's words, unless the body has the shape."""
    try:
        check(body, shape)
    except Departs as departs:
        raise _refused(departs) from None


def _refused(departs: Departs) -> Refused:
    place = departs.place()
    match departs.problem:
        case "unknown":
            return Refused(f"Unknown parameter: '{place}'.", code="unknown_parameter", param=place)
        case "missing":
            return missing(place)
        case "type":
            return wrong_type(place, departs.expected, departs.value)
    return Refused(
        f"Invalid value for '{place}': expected {departs.expected}.",
        code="invalid_value",
        param=place,
    )
