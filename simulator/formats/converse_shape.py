"""The shape of Bedrock's Converse requests, and AWS's words for what is not of it.

Source: the service model of `bedrock-runtime` (Converse, ConverseStream, CountTokens).
"""

from __future__ import annotations

from typing import Any, Final

from simulator.formats.base import Refused
from simulator.shape import (
    OBJECT,
    Departs,
    Each,
    Fields,
    Flag,
    Number,
    Shape,
    Text,
    Union,
    check,
)

_STRING: Final = Text()
_ID: Final = Text(pattern="[a-zA-Z0-9_.:-]{1,64}")
_NAME: Final = Text(pattern="[a-zA-Z0-9_-]{1,64}")
_BASE64: Final = Text(least=1, pattern="[A-Za-z0-9+/]+={0,2}")
_S3: Final = Fields({"uri": Text(pattern="s3://.+"), "bucketOwner": _STRING}, ("uri",))
_CACHE: Final = Fields({"type": Text(("default",)), "ttl": Text(("5m", "1h"))}, ("type",))
_MEDIA: Final = Union({"bytes": _BASE64, "s3Location": _S3})
_IMAGE: Final = Fields(
    {"format": Text(("png", "jpeg", "gif", "webp")), "source": _MEDIA}, ("format", "source")
)
_VIDEO: Final = Fields({"format": _STRING, "source": _MEDIA}, ("format", "source"))
_DOCUMENT: Final = Fields(
    {
        "format": Text(("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")),
        # The API reference: letters, digits, single blanks, hyphens, parentheses, brackets.
        "name": Text(pattern=r"(?!.*\s\s)[a-zA-Z0-9\s()\[\]-]{1,200}"),
        "source": Union(
            {
                "bytes": _BASE64,
                "s3Location": _S3,
                "text": _STRING,
                "content": Each(Union({"text": _STRING})),
            }
        ),
        "context": _STRING,
        "citations": Fields({"enabled": Flag()}, ("enabled",)),
    },
    ("name", "source"),
)
_SEARCH: Final = Fields(
    {"source": _STRING, "title": _STRING, "content": Each(OBJECT), "citations": OBJECT},
    ("source", "title", "content"),
)
_RESULT: Final = Union(
    {
        "json": OBJECT,
        "text": _STRING,
        "image": _IMAGE,
        "document": _DOCUMENT,
        "video": _VIDEO,
        "searchResult": _SEARCH,
    }
)
_BLOCK: Final = Union(
    {
        "text": Text(least=1),
        "image": _IMAGE,
        "document": _DOCUMENT,
        "video": _VIDEO,
        "audio": _VIDEO,
        "toolUse": Fields(
            {"toolUseId": _ID, "name": _NAME, "input": OBJECT, "type": _STRING},
            ("toolUseId", "name", "input"),
        ),
        "toolResult": Fields(
            {
                "toolUseId": _ID,
                "content": Each(_RESULT),
                "status": Text(("success", "error")),
                "type": _STRING,
            },
            ("toolUseId", "content"),
        ),
        "guardContent": OBJECT,
        "cachePoint": _CACHE,
        "reasoningContent": Union(
            {
                "reasoningText": Fields({"text": _STRING, "signature": _STRING}, ("text",)),
                "redactedContent": _BASE64,
            }
        ),
        "citationsContent": OBJECT,
        "searchResult": _SEARCH,
    }
)
_TOOL_CONFIG: Final = Fields(
    {
        "tools": Each(
            Union(
                {
                    "toolSpec": Fields(
                        {
                            "name": _NAME,
                            "description": Text(least=1),
                            "inputSchema": Union({"json": OBJECT}),
                            "strict": Flag(),
                        },
                        ("name", "inputSchema"),
                    ),
                    "systemTool": Fields({"name": _NAME}, ("name",)),
                    "cachePoint": _CACHE,
                }
            ),
            least=1,
        ),
        "toolChoice": Union(
            {"auto": Fields(), "any": Fields(), "tool": Fields({"name": _NAME}, ("name",))}
        ),
    },
    ("tools",),
)
_COUNTED: Final[dict[str, Shape]] = {
    "messages": Each(
        Fields(
            {"role": Text(("user", "assistant")), "content": Each(_BLOCK, least=1)},
            ("role", "content"),
        )
    ),
    "system": Each(Union({"text": Text(least=1), "guardContent": OBJECT, "cachePoint": _CACHE})),
    "toolConfig": _TOOL_CONFIG,
    "additionalModelRequestFields": OBJECT,
}
_CONVERSE: Final = Fields(
    _COUNTED
    | {
        "inferenceConfig": Fields(
            {
                "maxTokens": Number(1, 10_000_000, whole=True),
                "temperature": Number(0, 1),
                "topP": Number(0, 1),
                "stopSequences": Each(Text(least=1), most=2500),
            }
        ),
        "guardrailConfig": OBJECT,
        "projectIdentifier": _STRING,
        "promptVariables": OBJECT,
        "additionalModelResponseFieldPaths": Each(_STRING, most=10),
        "requestMetadata": OBJECT,
        "performanceConfig": Fields({"latency": Text(("standard", "optimized"))}),
        "serviceTier": Fields(
            {"type": Text(("priority", "default", "flex", "reserved"))}, ("type",)
        ),
        "outputConfig": Fields(
            {
                "textFormat": Fields(
                    {
                        "type": Text(("json_schema",)),
                        "structure": Union(
                            {
                                "jsonSchema": Fields(
                                    {"schema": _STRING, "name": _STRING, "description": _STRING},
                                    ("schema",),
                                )
                            }
                        ),
                    },
                    ("type", "structure"),
                ),
                "effort": _STRING,
            }
        ),
    }
)
_COUNT: Final = Fields(
    {
        "input": Union(
            {
                "invokeModel": Fields({"body": _BASE64}, ("body",)),
                "converse": Fields(_COUNTED),
            }
        )
    },
    ("input",),
)


def check_converse(body: Any) -> None:
    """Raise `Refused` unless the body is of Converse's shape."""
    _check(body, _CONVERSE)


def check_count(body: Any) -> None:
    """Raise `Refused` unless the body is of CountTokens' shape."""
    _check(body, _COUNT)


def _check(body: Any, shape: Shape) -> None:
    try:
        check(body, shape)
    except Departs as departs:
        raise Refused(_words(departs)) from None


def _words(departs: Departs) -> str:
    place = departs.place(".", "")
    match departs.problem:
        case "unknown":
            return (
                f"Malformed input request: #: extraneous key [{departs.path[-1]}] is not permitted"
            )
        case "missing":
            return (
                f"1 validation error detected: Value at '{place}' failed to satisfy constraint: "
                "Member must not be null"
            )
        case "union":
            return (
                f"The format of the value at {place} is invalid. Provide one of: {departs.expected}"
            )
        case "type":
            return f"Unexpected type at {place}: {departs.expected} was expected"
    return (
        f"1 validation error detected: Value at '{place}' failed to satisfy constraint: "
        f"Member must satisfy: {departs.expected}"
    )
