"""The shape of Gemini's requests, in AI Studio and on Vertex AI, and Google's words for others.

Source: the schema of `models.generateContent`, `countTokens`, `embedContent` and Vertex AI's
`predict`. As protobuf's reader does, members are taken by their JSON names and by those of the
proto files (`parameters_json_schema`), both of which the official SDK writes.
"""

from __future__ import annotations

from typing import Any, Final

from simulator.formats.base import Refused
from simulator.shape import (
    OBJECT,
    Anything,
    Departs,
    Each,
    Either,
    Fields,
    Flag,
    Later,
    Number,
    Shape,
    Text,
    check,
)

_STRING: Final = Text()
_WHOLE: Final = Number(-(2**31), 2**31 - 1, whole=True)
_BYTES: Final = Text(least=1, pattern=r"[A-Za-z0-9+/_-]+={0,2}")
_TYPES: Final = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_COUNT: Final = Either((Number(0, 2**63, whole=True), Text(pattern=r"\d+")))
_SCHEMA: Final[Fields] = Fields(
    {
        "type": Text((*_TYPES, *(name.lower() for name in _TYPES))),
        "format": _STRING,
        "title": _STRING,
        "description": _STRING,
        "nullable": Flag(),
        "enum": Each(_STRING),
        "items": Later(lambda: _SCHEMA),
        "minItems": _COUNT,
        "maxItems": _COUNT,
        "minLength": _COUNT,
        "maxLength": _COUNT,
        "minProperties": _COUNT,
        "maxProperties": _COUNT,
        "minimum": Number(),
        "maximum": Number(),
        "pattern": _STRING,
        "properties": OBJECT,
        "required": Each(_STRING),
        "anyOf": Each(Later(lambda: _SCHEMA)),
        "propertyOrdering": Each(_STRING),
        "default": Anything(),
        "example": Anything(),
    }
)
_BLOB: Final = Fields(
    {"mimeType": Text(least=1), "data": _BYTES, "displayName": _STRING}, ("mimeType", "data")
)
DATA: Final[dict[str, Shape]] = {
    "text": _STRING,
    "inlineData": _BLOB,
    "fileData": Fields(
        {"mimeType": _STRING, "fileUri": Text(least=1), "displayName": _STRING}, ("fileUri",)
    ),
    "functionCall": Fields(
        {
            "id": _STRING,
            "name": Text(least=1),
            "args": OBJECT,
            "partialArgs": Each(OBJECT),
            "willContinue": Flag(),
        },
        ("name",),
    ),
    "functionResponse": Fields(
        {
            "id": _STRING,
            "name": Text(least=1),
            "response": OBJECT,
            "parts": Each(Fields({"inlineData": _BLOB, "fileData": OBJECT})),
            "willContinue": Flag(),
            "scheduling": _STRING,
        },
        ("name", "response"),
    ),
    "executableCode": OBJECT,
    "codeExecutionResult": OBJECT,
}
"""What a part holds, of which it has exactly one."""
_PART: Final = Fields(
    DATA
    | {
        "thought": Flag(),
        "thoughtSignature": Text(least=1),
        "videoMetadata": OBJECT,
        "mediaResolution": OBJECT,
        "partMetadata": OBJECT,
    }
)
_CONTENT: Final = Fields({"role": _STRING, "parts": Each(_PART)})
_DECLARATION: Final = Fields(
    {
        "name": Text(pattern=r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}"),
        "description": _STRING,
        "parameters": _SCHEMA,
        "parametersJsonSchema": OBJECT,
        "response": _SCHEMA,
        "responseJsonSchema": OBJECT,
        "behavior": _STRING,
    },
    ("name",),
)
_TOOL: Final = Fields(
    {
        "functionDeclarations": Each(_DECLARATION),
        "googleSearch": OBJECT,
        "googleSearchRetrieval": OBJECT,
        "googleMaps": OBJECT,
        "codeExecution": OBJECT,
        "urlContext": OBJECT,
        "computerUse": OBJECT,
        "fileSearch": OBJECT,
        "retrieval": OBJECT,
        "enterpriseWebSearch": OBJECT,
    }
)
_GENERATION: Final = Fields(
    {
        "stopSequences": Each(Text(least=1), most=5),
        "responseMimeType": Text(("text/plain", "application/json", "text/x.enum")),
        "responseSchema": _SCHEMA,
        "responseJsonSchema": OBJECT,
        "responseModalities": Each(_STRING),
        "candidateCount": Number(1, 8, whole=True),
        "maxOutputTokens": Number(1, 10_000_000, whole=True),
        "temperature": Number(0, 2),
        "topP": Number(0, 1),
        "topK": Number(1, 1_000_000),
        "seed": _WHOLE,
        "presencePenalty": Number(-2, 2),
        "frequencyPenalty": Number(-2, 2),
        "responseLogprobs": Flag(),
        "logprobs": Number(0, 20, whole=True),
        "enableEnhancedCivicAnswers": Flag(),
        "speechConfig": OBJECT,
        "thinkingConfig": Fields(
            {
                "includeThoughts": Flag(),
                "thinkingBudget": Number(-1, 100_000, whole=True),
                "thinkingLevel": Text(("MINIMAL", "LOW", "MEDIUM", "HIGH")),
            }
        ),
        "mediaResolution": _STRING,
        "audioTimestamp": Flag(),
    }
)
_TOOL_CONFIG: Final = Fields(
    {
        "functionCallingConfig": Fields(
            {
                "mode": Text(("AUTO", "ANY", "NONE", "VALIDATED")),
                "allowedFunctionNames": Each(_STRING),
            }
        ),
        "retrievalConfig": OBJECT,
    }
)
_GENERATE: Final[dict[str, Shape]] = {
    "model": _STRING,
    "contents": Each(_CONTENT),
    "systemInstruction": _CONTENT,
    "tools": Each(_TOOL),
    "toolConfig": _TOOL_CONFIG,
    "safetySettings": Each(OBJECT),
    "generationConfig": _GENERATION,
    "cachedContent": _STRING,
}
_EMBED: Final = Fields(
    {
        "model": _STRING,
        "content": Fields({"role": _STRING, "parts": Each(_PART, least=1)}, ("parts",)),
        "taskType": _STRING,
        "title": _STRING,
        "outputDimensionality": Number(1, 3072, whole=True),
    },
    ("content",),
)

GENERATE: Final = Fields(_GENERATE)
GENERATE_ON_VERTEX: Final = Fields({**_GENERATE, "labels": OBJECT})
COUNT: Final = Fields({"contents": Each(_CONTENT), "generateContentRequest": GENERATE})
COUNT_ON_VERTEX: Final = Fields(
    {
        "model": _STRING,
        "contents": Each(_CONTENT),
        "systemInstruction": _CONTENT,
        "tools": Each(_TOOL),
        "generationConfig": _GENERATION,
        "instances": Each(OBJECT),
    }
)
EMBED: Final = _EMBED
EMBED_BATCH: Final = Fields({"requests": Each(_EMBED, least=1, most=100)}, ("requests",))
EMBED_ON_VERTEX: Final = Fields(
    {
        **_EMBED.members,
        "embedContentConfig": Fields(
            {
                "taskType": _STRING,
                "title": _STRING,
                "outputDimensionality": Number(1, 3072, whole=True),
                "autoTruncate": Flag(),
            }
        ),
    },
    ("content",),
)
EMBED_BATCH_ON_VERTEX: Final = Fields(
    {"requests": Each(EMBED_ON_VERTEX, least=1, most=250)}, ("requests",)
)
PREDICT: Final = Fields(
    {
        "instances": Each(
            Fields(
                {"content": Text(least=1), "task_type": _STRING, "title": _STRING}, ("content",)
            ),
            least=1,
            most=250,
        ),
        "parameters": Fields(
            {"outputDimensionality": Number(1, 3072, whole=True), "autoTruncate": Flag()}
        ),
    },
    ("instances",),
)


def fits(body: Any, shape: Shape) -> None:
    """Raise `Refused`, in Google's words, unless the body has the shape.

    Members that came by their proto names have their JSON names afterwards.
    """
    _rename(body, shape)
    try:
        check(body, shape)
        for path, schema in _schemas(body):
            _check_properties(schema, path)
    except Departs as departs:
        raise Refused(_words(departs)) from None


def _rename(value: Any, shape: Shape) -> None:
    if isinstance(shape, Later):
        shape = shape.make()
    if isinstance(shape, Each) and isinstance(value, list):
        for one in value:
            _rename(one, shape.of)
    if not isinstance(shape, Fields) or shape.open or not isinstance(value, dict):
        return
    for name in list(value):
        first, *others = name.split("_")
        camel = first + "".join(word.capitalize() for word in others)
        if name not in shape.members and camel in shape.members and camel not in value:
            value[camel] = value.pop(name)
    for name, inner in shape.members.items():
        _rename(value.get(name), inner)


def _schemas(body: dict[str, Any]) -> list[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The schemas in OpenAPI's subset, each with its place."""
    inner = body.get("generateContentRequest") or body
    found: list[tuple[tuple[str | int, ...], dict[str, Any]]] = []
    for at, tool in enumerate(inner.get("tools") or []):
        for number, one in enumerate(tool.get("functionDeclarations") or []):
            if one.get("parameters") is not None:
                path = ("tools", at, "function_declarations", number, "parameters")
                found.append((path, one["parameters"]))
    config = inner.get("generationConfig") or {}
    if config.get("responseSchema") is not None:
        found.append((("generation_config", "response_schema"), config["responseSchema"]))
    return found


def _check_properties(schema: dict[str, Any], path: tuple[str | int, ...]) -> None:
    """The properties at every depth: their names are free, what they hold is not."""
    for name, inner in (schema.get("properties") or {}).items():
        place = (*path, "properties", name)
        check(inner, _SCHEMA, place)
        _check_properties(inner, place)
    if schema.get("items"):
        _check_properties(schema["items"], (*path, "items"))
    for at, inner in enumerate(schema.get("anyOf") or []):
        _check_properties(inner, (*path, "any_of", at))
    if str(schema.get("type")).upper() == "OBJECT" and schema.get("properties") == {}:
        raise Departs((*path, "properties"), "value", "non-empty for OBJECT type")


def _words(departs: Departs) -> str:
    place = departs.place()
    if departs.problem == "unknown":
        outer = Departs(departs.path[:-1], "unknown", "").place()
        at = f" at '{outer}'" if outer else ""
        return (
            f'Invalid JSON payload received. Unknown name "{departs.path[-1]}"{at}: Cannot find '
            "field."
        )
    if departs.problem == "missing":
        return f"* {place}: required field is not specified"
    if departs.problem == "type":
        return f"Invalid value at '{place}': {departs.expected} was expected"
    return f"* {place}: should be {departs.expected}"
