"""The ``redactions`` section: what must not leave, and what stands in its place."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from policies.document import Document, Items, Maybe, OneOrMore
from policies.regex import check_regex
from policies.values import Name, SecretSource
from xds.edge.detectors import DETECTORS, GROUPS
from xds.edge.processing import Scope


class Replacement(StrEnum):
    """What becomes of a value."""

    PLACEHOLDER = "placeholder"
    HASH = "hash"
    MASK = "mask"
    BLOCK = "block"


class Said(StrEnum):
    """What becomes of a value that the model itself says."""

    PASS = "pass"  # noqa: S105 - no password
    PLACEHOLDER = "placeholder"
    HASH = "hash"
    MASK = "mask"
    BLOCK = "block"


def _check_pattern(value: Any) -> Any:
    return check_regex(value, hint="the syntax is RE2's; the group `v`, if any, is the value")


Pattern = Annotated[
    str,
    BeforeValidator(_check_pattern),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            "description": "A regular expression in RE2's syntax, looked for anywhere.",
            "examples": [r"EMP-[0-9]{6}"],
        }
    ),
]

DetectorName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=48, examples=["employee_id"])
]
"""A detector of the policy's own, which placeholders are named after."""

Detected = Annotated[
    str,
    WithJsonSchema(
        {
            "enum": [*GROUPS, *DETECTORS],
            "description": "A detector that is built in, or a group of them.",
        }
    ),
]

Entity = Annotated[
    str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=48, examples=["PERSON", "LOCATION"])
]

Word = Annotated[str, Field(min_length=1, max_length=256, examples=["Bluebird"])]

Replaced = Annotated[Replacement, Strict(strict=False)]


class RedactionDocument(Document):
    """What is taken out of requests for models, and put back into answers.

    It is looked for in all texts of a request: messages, system prompts, tools' arguments and
    results, documents. Values that are found twice in a request have the same placeholder.
    """

    detect: OneOrMore[Detected] = ()
    """Detectors that are built in, or groups of them: `pii` (email, phone, credit_card, iban,
    us_ssn, uk_nino), `network` (ip_address, ipv6_address), `secrets` (keys and tokens of clouds and
    services), `national_ids` (of all countries; better name those of yours, such as `de_idnr`)."""
    patterns: dict[DetectorName, Pattern] = Field(
        default_factory=dict, examples=[{"employee_id": "EMP-[0-9]{6}"}]
    )
    """Detectors of your own: a name, and a regular expression."""
    words: dict[DetectorName, Annotated[Items[Word], Field(min_length=1, max_length=50_000)]] = (
        Field(default_factory=dict, examples=[{"project": ["Bluebird", "Nightjar"]}])
    )
    """Words or phrases of your own that must not be said, upper or lower case alike: a name, and a
    list."""
    entities: OneOrMore[Entity] = ()
    """Kinds of named entities, such as `PERSON`, which presidio looks for; the edge needs
    presidio-analyzer, and some 15 ms for 2 KB of text."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    """The language in which entities are looked for."""
    replace: Replaced = Replacement.PLACEHOLDER
    """What becomes of a value: `placeholder`, such as `<EMAIL_1>`, which is put back in answers;
    `hash`, the same for the same value in all requests; `mask`, all but its last four characters;
    `block`, the request is refused."""
    actions: dict[DetectorName, Replaced] = Field(
        default_factory=dict, examples=[{"credit_card": "block"}]
    )
    """What becomes of the values of some detectors, where it differs."""
    answers: Annotated[Said, Strict(strict=False)] = Said.PASS
    """What becomes of values that the model itself says, in the same words, or `pass`."""
    restore: Maybe[bool] = None
    """Whether placeholders in answers become the values again; they do unless `false`."""
    when: Annotated[Scope, Strict(strict=False)] = Scope.EXTERNAL
    """For which providers: those with `trust: external`, or `all`."""
    hash_key: Maybe[SecretSource] = None
    """Where the secret of `hash` lies, at least 16 bytes."""


Redact = OneOrMore[Name]
"""One redaction, or several that all hold."""
