"""Operations of models: those that every target can serve, by the table of client APIs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedTarget
from compiler.linking.targets import Groups
from compiler.plan_llm import Endpoint, Speech
from compiler.schema import GatewayDocument
from compiler.schema.models import ModelDocument, ServedApi
from compiler.source import Path
from compiler.speech import speech_of
from compiler.wording import listing
from xds.edge.pairs import pair

_COUNTERS: Final = {
    Endpoint.COUNT_TOKENS: Endpoint.MESSAGES,
    Endpoint.INPUT_TOKENS: Endpoint.RESPONSES,
    Endpoint.IMAGE_EDITS: Endpoint.IMAGES,
    Endpoint.TRANSCRIPTIONS: Endpoint.SPEECH,
    Endpoint.AUDIO_TRANSLATIONS: Endpoint.SPEECH,
}
"""Operations that come with another: those that count for it (the edge counts where the provider
does not), and those that are the same with files."""

_WORDS: Final[Mapping[Endpoint, ServedApi]] = {
    Endpoint.CHAT_COMPLETIONS: ServedApi.CHAT,
    Endpoint.COMPLETIONS: ServedApi.COMPLETIONS,
    Endpoint.RESPONSES: ServedApi.RESPONSES,
    Endpoint.MESSAGES: ServedApi.MESSAGES,
    Endpoint.EMBEDDINGS: ServedApi.EMBEDDINGS,
    Endpoint.IMAGES: ServedApi.IMAGES,
    Endpoint.SPEECH: ServedApi.SPEECH,
}


def link_operations(
    name: str,
    model: ModelDocument,
    groups: Groups,
    path: Path,
    document: GatewayDocument,
    findings: Findings,
) -> tuple[Endpoint, ...]:
    """Give the operations of a model, in the order of `Endpoint`; what is asked in vain is told."""
    targets = [(target, speech_of(document.providers[target.provider])) for target in _all(groups)]
    able = [endpoint for endpoint in _WORDS if all(can(endpoint, one) for _, one in targets)]
    if model.apis is None:
        return _with_counters(able)
    for place, word in enumerate(model.apis):
        endpoint = next(one for one, named in _WORDS.items() if named is word)
        if endpoint not in able:
            _unsupported(name, word, endpoint, targets, (*path, "apis", place), findings)
    return _with_counters([one for one in able if _WORDS[one] in model.apis])


def can(endpoint: Endpoint, speech: Speech) -> bool:
    """Whether an operation can be served by what speaks so."""
    return pair(endpoint.client, speech) is not None


def _all(groups: Groups) -> Iterator[LinkedTarget]:
    return (target for group in groups for target in group)


def _with_counters(able: list[Endpoint]) -> tuple[Endpoint, ...]:
    return tuple(
        endpoint for endpoint in Endpoint if endpoint in able or _COUNTERS.get(endpoint) in able
    )


def _unsupported(
    name: str,
    word: ServedApi,
    endpoint: Endpoint,
    targets: list[tuple[LinkedTarget, Speech]],
    path: Path,
    findings: Findings,
) -> None:
    cannot = next(target for target, speech in targets if not can(endpoint, speech))
    could = [speech.value for speech in Speech if can(endpoint, speech)]
    findings.error(
        "unsupported-operation",
        f"model `{name}` is to be offered on `{word}`, which `{cannot.provider}` cannot serve",
        path,
        f"asked for `{endpoint}`",
        labels=[((*cannot.path, "to"), "cannot serve it")],
        hint=f"remove `{word}` or the target; {listing('it is served by', could)}",
    )
