"""The official OpenAI SDK sends sound in a form, and is told what was said."""

from __future__ import annotations

import httpx
import openai
import pytest

SOUND = b"RIFF" + bytes(range(256)) * 8 + b"\r\n--no-boundary\r\n"


def ask(gpt, **members):
    given = {"model": "gpt-4o-transcribe", "file": ("a.wav", SOUND, "audio/wav")}
    return gpt.audio.transcriptions.create(**given | members)


def test_a_transcription_tells_what_it_heard(simulator, gpt):
    """Every byte of the file is counted, whatever they are; what is said is billed."""
    answer = ask(gpt)
    assert f"(gpt-4o-transcribe) to “{len(SOUND)} bytes of sound”" in answer.text
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == answer.usage.output_tokens


def test_a_transcription_as_text(gpt):
    """The words alone."""
    assert ask(gpt, response_format="text").startswith("Simulated answer of openai")


def test_a_wrong_form_is_refused(simulator, gpt):
    """No file, a member that the API has not, no form at all; a fault on request."""
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'file'"):
        ask(gpt, file=("a.wav", b""))
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'n'"):
        ask(gpt, extra_body={"n": 2})
    url = simulator.url("openai") + "/audio/transcriptions"
    answer = httpx.post(url, json={"model": "m"}, headers={"authorization": "Bearer k"})
    assert answer.status_code == 415
    simulator.set_scenario("openai", 429)
    with pytest.raises(openai.RateLimitError):
        ask(gpt)
