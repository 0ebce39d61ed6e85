"""Exchanges whose answer is one small JSON: embeddings and counts of tokens."""

from __future__ import annotations

from ext_authz.translate.carrying import carry_for
from ext_authz.translate.clients.fields import read_body
from ext_authz.translate.clients.messages_request import read_messages_api
from ext_authz.translate.clients.responses_request import read_responses
from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.clients.writers import writer_for
from ext_authz.translate.conversation import Ask
from ext_authz.translate.counting import count_rewrite, write_count
from ext_authz.translate.embeddings.answer import EmbeddingsMender, EmbeddingsRewrite
from ext_authz.translate.embeddings.request import read_embeddings, write_embeddings
from ext_authz.translate.exchange import Exchange
from ext_authz.translate.passing_on import PassingOn, is_anthropic_error, is_openai_error
from ext_authz.translate.rewriting import Rewriting
from ext_authz.translate.same_api import pass_counting, pass_openai
from ext_authz.translate.target import Target
from xds.edge.pairs import ClientApi, Way


def small_exchange(
    client: ClientApi, target: Target, body: bytes, way: Way, moment: Moment
) -> Exchange:
    """Translate such a request, or pass it on; raises `RefusedError`."""
    if way is Way.SAME:
        return _passed(client, target, body, moment)
    writer = writer_for(client, target.model, moment)
    carry = carry_for(client, target.provider, moment.now)
    if client is ClientApi.EMBEDDINGS:
        wanted = read_embeddings(body)
        rewrite = EmbeddingsRewrite(wanted, target.model)
        return Exchange(write_embeddings(wanted, target), Rewriting(rewrite, writer, carry))
    ask: Ask
    if client is ClientApi.COUNT_TOKENS:
        ask = read_messages_api(body, counting=True)
    else:
        ask, _ = read_responses(body)
    upstream = write_count(ask, target)
    return Exchange(upstream, Rewriting(count_rewrite(client), writer, carry))


def _passed(client: ClientApi, target: Target, body: bytes, moment: Moment) -> Exchange:
    mend: EmbeddingsMender | None = None
    if client is ClientApi.COUNT_TOKENS:
        upstream = pass_counting(body, target)
    elif client is ClientApi.INPUT_TOKENS:
        upstream = pass_openai(body, target, "responses/input_tokens")
    else:
        upstream = pass_openai(body, target, "embeddings")
        wants = read_body(body).get("encoding_format") == "base64"
        mend = EmbeddingsMender(wants_base64=wants) if wants else None
    machine = PassingOn(
        writer_for(client, target.model, moment),
        carry_for(client, target.provider, moment.now),
        is_anthropic_error if client is ClientApi.COUNT_TOKENS else is_openai_error,
        streams=False,
        mend=mend,
    )
    return Exchange(upstream, machine)
