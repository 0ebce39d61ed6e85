"""`gatewright up --simulate` on the quickstart, with the official SDKs, as a newcomer runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from tests.e2e.load import load
from tests.e2e.up_process import REPOSITORY, Up, running_up

QUICKSTART = REPOSITORY / "examples" / "quickstart" / "gateway.yaml"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def up():
    with running_up(QUICKSTART, "--simulate") as running:
        yield running


@pytest.fixture(scope="module")
def gpt(up: Up):
    with openai.OpenAI(
        base_url=f"{up.url('local')}/v1", api_key="client", max_retries=0, timeout=20
    ) as client:
        yield client


@pytest.fixture(scope="module")
def claude(up: Up):
    with anthropic.Anthropic(
        base_url=up.url("local"), api_key="client", max_retries=0, timeout=20
    ) as client:
        yield client


def test_openai_sdk_gets_a_plain_answer(gpt):
    """The first target of the chain answers, and usage comes with it."""
    answer = gpt.chat.completions.create(model="fast", messages=HELLO)
    assert "openai (gpt-4o-mini)" in answer.choices[0].message.content
    assert answer.usage.total_tokens > 0


def test_openai_sdk_gets_a_stream(gpt):
    """A client that did not ask for usage sees none, and the text is whole."""
    chunks = list(gpt.chat.completions.create(model="default", messages=HELLO, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "openai (gpt-4o-mini)" in text
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_anthropic_sdk_gets_a_plain_answer(claude):
    """The Anthropic SDK talks to the same gateway."""
    answer = claude.messages.create(model="claude", messages=HELLO, max_tokens=100)
    assert "claude-haiku-4-5" in answer.content[0].text
    assert answer.usage.output_tokens > 0


def test_anthropic_sdk_gets_a_stream(claude):
    """Its streams come through event by event."""
    with claude.messages.stream(model="claude", messages=HELLO, max_tokens=100) as stream:
        text = "".join(stream.text_stream)
    assert "claude-haiku-4-5" in text


@pytest.mark.parametrize("fault", ["429", "503", "529", "500", "reset"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_the_first_provider_is_answered_by_the_second(gpt, fault, stream):
    """A fallback that the client sees nothing of but the header."""
    raw = gpt.chat.completions.with_raw_response.create(
        model="fast", messages=HELLO, stream=stream, extra_headers={"x-simulate": f"openai={fault}"}
    )
    assert raw.headers["x-gatewright-target"] == "backup/llama-3.3-70b"
    assert raw.headers["x-gatewright-attempts"] == "2"
    raw.parse()


def test_the_last_provider_s_own_error_reaches_the_client(gpt):
    """When all targets fail, the SDK raises what the last one said."""
    with pytest.raises(openai.RateLimitError) as caught:
        gpt.chat.completions.create(
            model="fast", messages=HELLO, extra_headers={"x-simulate": "openai=429,backup=429"}
        )
    assert caught.value.code == "rate_limit_exceeded"


def test_the_plain_service_answers(up):
    """A route that is no model's is plain proxying."""
    seen = httpx.get(f"{up.url('local')}/orders/7").json()
    assert seen["path"] == "/orders/7"


def test_the_models_are_listed(gpt, claude):
    """Both SDKs read the list of models, aliases included."""
    assert {one.id for one in gpt.models.list()} == {"claude", "default", "fast"}
    listed = list(claude.models.list())
    assert {one.id for one in listed} == {"claude", "default", "fast"}
    assert {one.lifecycle for one in listed} == {"active"}, "the SDK asks for it"


def edited(tmp_path: Path) -> Path:
    return Path(shutil.copy(QUICKSTART, tmp_path / "gateway.yaml"))


def save(policy: Path, change: Callable[[str], str]) -> None:
    """Write as editors do: a new file put in the old one's place."""
    text = policy.read_text()
    assert change(text) != text
    fresh = policy.with_suffix(".new")
    fresh.write_text(change(text))
    fresh.replace(policy)


def test_an_edit_under_load_fails_no_request_and_goes_live(tmp_path):
    """50 requests a second to the service and to a model while the file is saved five times."""
    policy = edited(tmp_path)
    with running_up(policy, "--simulate") as up:
        url = up.url("local")
        targets: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(timeout=20, trust_env=False) as client:
                while not stop.is_set():
                    answer = client.post(
                        f"{url}/v1/chat/completions", json={"model": "fast", "messages": HELLO}
                    )
                    targets.append(answer.headers.get("x-gatewright-target", answer.text))
                    stop.wait(0.02)

        asking = threading.Thread(target=ask)
        asking.start()
        with load(f"{url}/orders/1", rate=50) as running:
            for number in range(5):
                new = f"backup/m{number}"
                save(
                    policy, lambda text, to=new: re.sub(r"\[(openai|backup)/.*\]", f"[{to}]", text)
                )
                deadline = time.monotonic() + 20
                while targets[-1:] != [new]:
                    assert time.monotonic() < deadline, (new, targets[-5:])
                    stop.wait(0.01)
            running_answers = running
        stop.set()
        asking.join()
    assert not running_answers.failures
    assert len(running_answers.answers) > 20
    assert set(targets) == {"openai/gpt-4o-mini", *(f"backup/m{n}" for n in range(5))}


def test_a_wrong_edit_is_told_and_the_last_good_policy_serves_on(tmp_path):
    """The error names its place; the right file after it goes live."""
    policy = edited(tmp_path)
    with running_up(policy, "--simulate") as up:
        save(policy, lambda text: text.replace("openai/gpt-4o-mini", "opnai/gpt-4o-mini"))
        told = up.next("diagnostic", code="unknown-provider")
        assert "openai" in told["hint"]
        assert told["place"].endswith("gateway.yaml:20:15")
        up.next("wrong")
        assert httpx.get(f"{up.url('local')}/orders/1").status_code == 200
        save(policy, lambda text: text.replace("opnai/gpt-4o-mini", "openai/gpt-4.1-mini"))
        up.next("live")
        body = {"model": "fast", "messages": HELLO}
        answer = httpx.post(f"{up.url('local')}/v1/chat/completions", json=body)
        assert answer.headers["x-gatewright-target"] == "openai/gpt-4.1-mini"


def envoys_in(folder: Path) -> list[int]:
    """The processes whose command line names the run folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command:
            found.append(int(entry.name))
    return found


@pytest.fixture
def temporary(monkeypatch):
    """Where `up` makes its run folder: a place near the root, for the sake of its sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("TMPDIR", place)
        yield Path(place)


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL],
)
def test_nothing_is_left_behind_however_it_ends(tmp_path, number, temporary):
    """Envoy and the run folder are gone after a stop, and after kill -9."""
    with running_up(edited(tmp_path), "--simulate") as up:
        (folder,) = temporary.glob("gatewright-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(envoys_in(folder)) > 2, "the warden, its Envoy, and an edge for the chain"
        os.kill(up.process.pid, number)
        code = up.process.wait(20)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        deadline = time.monotonic() + 10
        while folder.exists() or envoys_in(folder):
            assert time.monotonic() < deadline, (folder, envoys_in(folder))
            time.sleep(0.02)


def test_a_killed_warden_takes_envoy_with_it_and_up_says_so(tmp_path, temporary):
    """`up` ends with the code for a machine that refuses."""
    with running_up(edited(tmp_path), "--simulate") as up:
        (folder,) = temporary.glob("gatewright-*")
        warden = min(envoys_in(folder))
        os.kill(warden, signal.SIGKILL)
        assert up.process.wait(20) == 3
        assert not envoys_in(folder)
        assert not folder.exists()


def test_a_missing_key_is_told_before_envoy_is_started(tmp_path):
    """Whoever runs the quickstart without keys learns what is missing, and of --simulate."""
    environment = {key: os.environ[key] for key in ("PATH",)}
    done = subprocess.run(
        [sys.executable, "-m", "cli", "up", "--ports", "auto", str(edited(tmp_path))],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "`env:OPENAI_API_KEY` cannot be read" in done.stderr
    # What the edge says while it ends may come behind it.
    assert "--simulate" in done.stderr
