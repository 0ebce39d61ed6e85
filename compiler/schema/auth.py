"""The ``auth`` key of routes: how clients say who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, TypeAdapter, ValidationError, WithJsonSchema

from compiler.plan_accounts import AuthKind
from policies.document import NonEmpty, OneOrMore
from policies.values import Name, refuse, shown

_NAME = TypeAdapter(Name)
_OF_ISSUER = (AuthKind.JWT, AuthKind.OIDC)
_HINT = (
    "write `keys`, `jwt`, `oidc`, `mtls` or `none`, `{ jwt: ISSUER }`, or a list of these that is "
    "tried in order"
)


@dataclass(frozen=True, slots=True)
class AuthWritten:
    """One way, as it was written; ``issuer`` None is every issuer, where the way has issuers."""

    kind: AuthKind
    issuer: str | None = None


def parse_auth(value: Any) -> AuthWritten:
    """Read one way to authenticate.

    Raises:
        PydanticCustomError: ``bad-auth``.
    """
    if isinstance(value, AuthWritten):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, issuer),) = value.items()
        if kind not in _OF_ISSUER or not isinstance(issuer, str):
            return refuse("bad-auth", f"{shown(kind)} is of no issuer", _HINT)
        try:
            return AuthWritten(AuthKind(kind), _NAME.validate_python(issuer))
        except ValidationError:
            return refuse("bad-auth", f"{shown(issuer)} is no name of an issuer", _HINT)
    if not isinstance(value, str):
        return refuse("bad-auth", "this is no way to authenticate", _HINT)
    if value not in AuthKind.__members__.values():
        return refuse("bad-auth", f"{shown(value)} is no way to authenticate", _HINT)
    return AuthWritten(AuthKind(value))


_WORDS = [kind.value for kind in AuthKind]
_ISSUER = {
    "type": "string",
    "pattern": "^[a-z0-9][a-z0-9-]*$",
    "maxLength": 63,
    "description": "An issuer of the policy.",
    "examples": ["corp"],
}

Auth = Annotated[
    OneOrMore[
        Annotated[
            InstanceOf[AuthWritten],
            BeforeValidator(parse_auth),
            WithJsonSchema(
                {
                    "anyOf": [
                        {"enum": _WORDS},
                        {
                            "type": "object",
                            "properties": {kind.value: _ISSUER for kind in _OF_ISSUER},
                            "minProperties": 1,
                            "maxProperties": 1,
                            "additionalProperties": False,
                            "description": "One issuer alone.",
                        },
                    ],
                    "description": "How clients say who they are; `none` asks nobody.",
                }
            ),
        ]
    ],
    NonEmpty("bad-auth", "this list holds no way to authenticate", "write `none` to ask nobody"),
]
"""One way, or several that are tried in order."""
