"""Forms with files in them go to their model's provider, and differ in the model's name alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import openai
import pytest

from compiler.plan_llm import Redaction, Trigger
from policies.secret import SecretRef
from tests.e2e.llm_gateway import AT, Gateway, gateway, key_of, model, plan, provider, serve
from tests.e2e.llm_upstream import Answer, Upstream, openai_error, upstream
from xds.edge import processing

TEXT = Answer(
    body=b'{"text":"he said","usage":{"type":"tokens","input_tokens":14,"output_tokens":3,'
    b'"total_tokens":17}}'
)
AUDIO = (
    bytes(range(256)) * 4000
    + b'\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nno\r\n'
)
NO_KEY: SecretRef | None = None


@dataclass(frozen=True, slots=True)
class Forms:
    gateway: Gateway
    first: Upstream
    second: Upstream


@pytest.fixture(scope="module")
def forms() -> Iterator[Forms]:
    with upstream(TEXT) as first, upstream(TEXT) as second:
        models = [
            model("whisper", "a/whisper-1", aliases=("ears",)),
            model("chain", "a/one", "b/whisper two", on=(Trigger.RATE_LIMITED,)),
        ]
        redaction = Redaction("pii", processing.Redaction(detect=("email",)), NO_KEY, AT)
        routes = [
            serve(*models),
            replace(serve(*models, name="red", prefix="/red"), redact=("pii",)),
        ]
        made = plan([provider("a", first), provider("b", second)], models, routes)
        with gateway(replace(made, redactions=(redaction,))) as running:
            yield Forms(running, first, second)


@pytest.fixture(autouse=True)
def fresh(forms: Forms) -> None:
    for one in (forms.first, forms.second):
        one.requests.clear()
        one.answer(TEXT)


def form(*fields: tuple[str, bytes], boundary: str = "b0") -> bytes:
    """A form with these fields and a file."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        + value
        + b"\r\n"
        for name, value in fields
    ]
    file = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n'
        "content-type: audio/wav\r\n\r\n"
    )
    return b"".join(parts) + file.encode() + AUDIO + f"\r\n--{boundary}--\r\n".encode()


def send(forms: Forms, body: bytes, path: str = "/v1/audio/transcriptions", boundary: str = "b0"):
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return forms.gateway.client.post(path, content=body, headers=headers)


def test_only_the_model_differs(forms):
    """All other bytes are the client's own, the file's above all, whatever it looks like."""
    answer = send(forms, form(("language", b"en"), ("model", b"ears")))
    assert answer.status_code == 200
    (request,) = forms.first.requests
    assert request.path == "/v1/audio/transcriptions"
    assert request.body == form(("language", b"en"), ("model", b"whisper-1"))
    assert request.headers["authorization"] == f"Bearer {key_of('a')}"
    line = forms.gateway.last_line()
    assert (line["model"], line["gen_ai.usage.input_tokens"]) == ("whisper", 14)


@pytest.mark.parametrize("path", ["/audio/translations", "/images/edits"])
def test_other_operations_with_files(forms, path):
    """Each goes to the operation of its name."""
    assert send(forms, form(("model", b"whisper")), f"/v1{path}").status_code == 200
    assert forms.first.requests[0].path == f"/v1{path}"


def test_a_chain_goes_on_with_the_client_s_own_form(forms):
    """The next target gets its own model's name."""
    forms.first.answer(openai_error(429, "slow"))
    assert send(forms, form(("model", b"chain"))).status_code == 200
    assert forms.first.requests[0].body == form(("model", b"one"))
    assert forms.second.requests[0].body == form(("model", b"whisper two"))


def test_of_two_models_the_last_counts_and_both_are_changed(forms):
    """No provider sees another name than the one that was let in."""
    assert send(forms, form(("model", b"nope"), ("model", b"whisper"))).status_code == 200
    twice = form(("model", b"whisper-1"), ("model", b"whisper-1"))
    assert forms.first.requests[0].body == twice
    assert send(forms, form(("model", b"whisper"), ("model", b"nope"))).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (form(("model", b"nope")), 404),
        (form(("language", b"en")), 400),
        (form(("model", b"")), 400),
        (b"", 400),
        (b"--b0", 400),
        (b'--b0\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper', 400),
        (form(("model", b"whisper"), boundary="other"), 400),
    ],
)
def test_what_names_no_model_is_refused(forms, body, status):
    """In OpenAI's schema, and nothing is sent."""
    answer = send(forms, body)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert forms.first.requests == []


def test_json_is_no_form(forms):
    """The other way round is 415 as well."""
    answer = forms.gateway.post("/v1/audio/transcriptions", {"model": "whisper"})
    assert answer.status_code == 415
    assert "form-data" in answer.json()["error"]["message"]


def test_where_something_is_redacted_forms_are_not_taken(forms):
    """Files are not looked into, so that they do not leave where they might have to be."""
    answer = send(forms, form(("model", b"whisper")), "/red/audio/transcriptions")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unsupported_api"
    assert forms.first.requests == []


def test_the_official_sdk(forms):
    """As OpenAI's own client writes forms."""
    with openai.OpenAI(api_key="k", base_url=f"{forms.gateway.client.base_url}/v1") as client:
        told = client.audio.transcriptions.create(model="whisper", file=("a.wav", AUDIO))
    assert told.text == "he said"
    assert b"whisper-1" in forms.first.requests[0].body
