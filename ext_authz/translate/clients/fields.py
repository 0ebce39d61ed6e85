"""Members of a client's JSON, read with their type checked: a wrong one is a clear 400."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ext_authz.translate.errors import RefusedError
from ext_authz.translate.wire import NotJsonError, decode, decode_object

_DATA_URL: Final = re.compile(
    r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w-]+=[^;,]*)*)(;base64)?,", re.ASCII
)
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")


def read_body(body: bytes) -> dict[str, Any]:
    """Decode a request's body, an object."""
    try:
        return decode_object(body)
    except NotJsonError as error:
        raise RefusedError(f"The body is not the JSON of a request: {error}") from None


def refused(error: Exception, member: str = "") -> RefusedError:
    """The refusal of a body, or of a member, that has not its shape: what is wrong in it."""
    told, _, path = str(error).partition(" - at `$")
    param = (member + path.rstrip("`")).removeprefix(".")
    if param:
        return RefusedError(f"`{param}`: {told[:1].lower()}{told[1:]}", param=param)
    return RefusedError(f"The body is not the JSON of a request: {told}")


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where something stands: written out only where it is wrong, which takes longer than to read.

    `form` has two places for numbers, as `messages[{}].tool_calls[{}]` has.
    """

    form: str
    outer: int
    inner: int

    def __str__(self) -> str:
        return self.form.format(self.outer, self.inner)


def wrong(param: str, expected: str) -> RefusedError:
    """The refusal of a member that is not what it must be."""
    return RefusedError(f"`{param}` must be {expected}", param=param)


def text(fields: dict[str, Any], name: str, where: str = "") -> str:
    """A member that must be a string."""
    value = fields.get(name)
    if isinstance(value, str):
        return value
    raise wrong(where + name, "a string")


def optional_text(fields: dict[str, Any], name: str, where: str = "") -> str:
    """A member that is a string, or "" where it is missing or null."""
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise wrong(where + name, "a string")


def integer(fields: dict[str, Any], name: str) -> int | None:
    """A member that is a whole number, or None where it is missing or null."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong(name, "an integer")


def whole(value: float | None, name: str) -> int | None:
    """A whole number that was decoded as one, or with a decimal point."""
    if value is None or type(value) is int:
        return value
    if value == int(value):
        return int(value)
    raise wrong(name, "an integer")


def number(fields: dict[str, Any], name: str) -> float | None:
    """A member that is a number, or None where it is missing or null; an integer stays one."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise wrong(name, "a number")


def flag(fields: dict[str, Any], name: str) -> bool | None:
    """A member that is true or false, or None where it is missing or null."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(name, "true or false")


def mapping(fields: dict[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """A member that is an object, or an empty one where it is missing or null."""
    value = fields.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise wrong(where + name, "an object")


def sequence(fields: dict[str, Any], name: str, where: str = "") -> list[Any]:
    """A member that is an array, or an empty one where it is missing or null."""
    value = fields.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise wrong(where + name, "an array")


def item(value: Any, where: str) -> dict[str, Any]:
    """An element that must be an object."""
    if isinstance(value, dict):
        return value
    raise wrong(where, "an object")


def strings(value: Any, name: str) -> tuple[str, ...]:
    """A string, an array of strings, or nothing."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise wrong(name, "a string or an array of strings")


def arguments(value: Any, where: str | Place) -> str:
    """The `arguments` of a call that a client gives back: the JSON text of an object."""
    if not isinstance(value, str):
        raise wrong(f"{where}.arguments", "a string that holds a JSON object")
    stripped = value.strip()
    if not stripped:
        return "{}"
    try:
        decoded = decode(stripped)
    except NotJsonError as error:
        param = f"{where}.arguments"
        raise RefusedError(f"`{param}` is not JSON: {error}", param=param) from None
    if not isinstance(decoded, dict):
        raise wrong(f"{where}.arguments", "a string that holds a JSON object")
    return stripped


def tool_name(fields: dict[str, Any], where: str) -> str:
    """The name of a tool: it may go into headers, paths and logs, so its characters are few."""
    return checked_name(text(fields, "name", where), where.rstrip("."))


def checked_name(name: str | None, where: str | Place) -> str:
    """The name of a tool, its characters checked."""
    if name is not None and _TOOL_NAME.fullmatch(name):
        return name
    raise wrong(f"{where}.name", "1 to 128 letters, digits, underscores, dots, colons and dashes")


def data_url(url: str) -> tuple[str, str] | None:
    """The media type and the base64 data of a `data:` URL, or None where it is another one."""
    if not url.startswith("data:"):
        return None
    found = _DATA_URL.match(url)
    if not found or not found[3]:
        raise RefusedError("A `data:` URL must say its media type and hold base64")
    return found[1] or "", url[found.end() :]
