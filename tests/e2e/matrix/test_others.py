"""What is no conversation: embeddings, counts, lists of models, pictures and speech."""

from __future__ import annotations

import base64
import struct

import anthropic
import openai
import pytest

from tests.e2e.matrix.kinds import KINDS
from tests.e2e.matrix.questions import TALKERS
from tests.e2e.matrix.running import of_kinds

pytestmark = pytest.mark.slow
MESSAGES = [{"role": "user", "content": "How many words are there in this sentence?"}]
EMBEDDING = [kind.name for kind in KINDS if kind.embeds]


def numbers(text):
    """The floats of an embedding that came in base64."""
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


@of_kinds(*EMBEDDING)
def test_embeddings(run, kind):
    """As numbers, and in base64 (which the SDK asks for by itself): the same ones."""
    create = run.sdks.openai.embeddings.create
    asked = {"model": f"{kind.name}-embed", "input": ["one text", "and another"]}
    decoded = create(**asked)
    plain = create(**asked, encoding_format="float")
    packed = create(**asked, encoding_format="base64")
    assert [one.index for one in decoded.data] == [0, 1]
    for ours, told, text in zip(decoded.data, plain.data, packed.data, strict=True):
        assert len(told.embedding) > 8
        assert ours.embedding == pytest.approx(told.embedding, abs=1e-6)
        assert numbers(text.embedding) == pytest.approx(told.embedding, abs=1e-6)
    assert decoded.data[0].embedding != decoded.data[1].embedding
    assert decoded.usage.prompt_tokens == decoded.usage.total_tokens
    # Google's API of many texts tells nothing of tokens.
    assert (decoded.usage.total_tokens > 0) is (kind.name != "gemini")
    assert all(record.status == 200 for record in run.simulator.requests_to(kind.name))


@of_kinds()
def test_tokens_are_counted(run, kind):
    """By the provider where it counts, by the edge elsewhere; the same for both APIs."""
    counted = run.sdks.anthropic.messages.count_tokens(model=kind.name, messages=MESSAGES)
    assert 5 < counted.input_tokens < 60
    told = run.sdks.openai.responses.input_tokens.count(
        model=kind.name, input=MESSAGES[0]["content"]
    )
    assert 5 < told.input_tokens < 60
    run.simulator.wait_idle()
    for record in run.simulator.requests:
        assert record.status == 200
        assert record.billed.output_tokens == 0


def test_models_are_those_of_the_policy(run):
    """For both SDKs, in pages and one by one."""
    names = {kind.name for kind in KINDS} | {f"{name}-embed" for name in EMBEDDING}
    names |= {"chain", "from-openai", "to-inhouse"}
    assert {model.id for model in run.sdks.openai.models.list()} == names
    assert {model.id for model in run.sdks.anthropic.models.list(limit=5)} == names
    assert run.sdks.openai.models.retrieve("chain").id == "chain"
    assert run.sdks.anthropic.models.retrieve("chain").type == "model"
    with pytest.raises(openai.NotFoundError):
        run.sdks.openai.models.retrieve("nobody")
    with pytest.raises(anthropic.NotFoundError):
        run.sdks.anthropic.models.retrieve("nobody")


@of_kinds("openai", "azure", "vllm", "compatible")
def test_pictures_and_speech(run, kind):
    """Passed on as they are, by the right name of the model."""
    picture = run.sdks.openai.images.generate(model=kind.name, prompt="a cat", n=1)
    assert picture.data[0].b64_json or picture.data[0].url
    spoken = run.sdks.openai.audio.speech.create(
        model=kind.name, voice="alloy", input="Good morning"
    )
    assert len(spoken.content) > 8
    first, second = run.simulator.requests_to(kind.name)
    assert first.path.endswith("/images/generations")
    assert second.path.endswith("/audio/speech")
    assert first.json()["model"] == second.json()["model"] == kind.model


@of_kinds("anthropic", "gemini", "mistral", "cohere", "bedrock")
def test_what_a_provider_has_not_is_refused(run, kind):
    """A 400 that names the model, and nobody is asked."""
    with pytest.raises(openai.BadRequestError, match=kind.name):
        run.sdks.openai.images.generate(model=kind.name, prompt="a cat")
    if not kind.embeds:
        with pytest.raises(openai.BadRequestError, match=kind.name):
            run.sdks.openai.embeddings.create(model=kind.name, input="x")
    assert run.simulator.requests == []


@pytest.mark.parametrize("client", TALKERS)
def test_a_model_that_is_not_there(run, client):
    with pytest.raises((openai.NotFoundError, anthropic.NotFoundError)):
        run.sdks.ask(client, "nobody")
    assert run.simulator.requests == []
