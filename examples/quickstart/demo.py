"""The quickstart end to end, with the official SDKs and simulated providers: `make demo`.

Starts `gatewright up --simulate` on this folder's policy (a copy of it, since the last step edits
it), asks it what an application would ask, and stops it. Every step says what it expects, and the
first one that sees something else ends the demo with its error.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from anthropic import Anthropic
from openai import NotFoundError, OpenAI

PROMPT = "Say hello."
SERVED_BY = "x-gatewright-target"
START_SECONDS = 60


class Gateway:
    """A running `gatewright up`: its events, and the address of its one listener."""

    def __init__(self, process: subprocess.Popen[str], events: Iterator[dict[str, Any]]) -> None:
        self.process = process
        self.events = events
        ready = self.wait("ready")
        self.url = f"http://127.0.0.1:{ready['listeners']['local']['port']}"

    def wait(self, event: str) -> dict[str, Any]:
        """Return the next event of that name; the events before it are passed over."""
        for told in self.events:
            if told["event"] == event:
                return told
        raise SystemExit(f"gatewright ended with {self.process.wait()} before {event!r}")


@contextmanager
def gateway(policy: Path) -> Iterator[Gateway]:
    """Run `gatewright up` on a policy, and stop it as Ctrl-C would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "up", "--simulate", "--json", "--ports", "auto", str(policy)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Envoy's access log
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Gateway(process, map(json.loads, process.stdout))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(START_SECONDS)
    step("stop", f"exit code {code}")
    assert code == 0


def step(title: str, result: str) -> None:
    """Print one line of the demo."""
    print(f"  {title:34} {result}", flush=True)


def chat(client: OpenAI, title: str, *, faults: str = "") -> str:
    """Ask the model `fast`; print and return which target answered."""
    answer = client.chat.completions.with_raw_response.create(
        model="fast",
        messages=[{"role": "user", "content": PROMPT}],
        extra_headers={"x-simulate": faults} if faults else {},
    )
    served_by = str(answer.headers[SERVED_BY])
    attempts = answer.headers.get("x-gatewright-attempts", "1")
    usage = answer.parse().usage
    assert usage is not None
    step(title, f"{served_by}, attempt {attempts}, {usage.total_tokens} tokens")
    return served_by


def openai_sdk(url: str) -> None:
    """Plain, streamed, with a provider that fails, and with a model that is not there."""
    client = OpenAI(base_url=f"{url}/v1", api_key="the gateway has the keys", max_retries=0)
    step("models", ", ".join(sorted(model.id for model in client.models.list())))
    assert chat(client, "chat") == "openai/gpt-4o-mini"
    assert chat(client, "chat, openai answers 429", faults="openai=429").startswith("backup/")
    assert chat(client, "chat, openai resets", faults="openai=reset").startswith("backup/")
    stream = client.chat.completions.create(
        model="fast", messages=[{"role": "user", "content": PROMPT}], stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    step("chat, streamed", f"{len(pieces)} chunks: {''.join(pieces)[:28]}...")
    assert len(pieces) > 1
    try:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "?"}])
    except NotFoundError as error:
        step("a model that is not there", f"404 {error.code}")
    else:
        raise AssertionError("a model that nobody declared was served")


def anthropic_sdk(url: str) -> None:
    """The same gateway, in Anthropic's API."""
    client = Anthropic(base_url=url, api_key="the gateway has the keys", max_retries=0)
    with client.messages.stream(
        model="claude", max_tokens=64, messages=[{"role": "user", "content": PROMPT}]
    ) as stream:
        message = stream.get_final_message()
    step("messages, streamed", f"{message.model}, {message.usage.output_tokens} output tokens")
    assert message.model == "claude-haiku-4-5"


def plain_service(url: str) -> None:
    """A route that has nothing to do with models."""
    with urlopen(f"{url}/orders/7", timeout=10) as answer:
        seen = json.load(answer)
    step("a plain service", f"{answer.status}, it saw {seen['method']} {seen['path']}")
    assert seen["path"] == "/orders/7"


def edit(running: Gateway, file: Path) -> None:
    """Turn the chain round in the file; the running gateway follows."""
    text = file.read_text()
    turned = text.replace(
        "[openai/gpt-4o-mini, backup/llama-3.3-70b]", "[backup/llama-3.3-70b, openai/gpt-4o-mini]"
    )
    assert turned != text
    saved = time.monotonic()
    file.write_text(turned)
    running.wait("live")
    step("edit the file", f"live after {(time.monotonic() - saved) * 1000:.0f} ms")
    client = OpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0)
    assert chat(client, "chat, by the new file") == "backup/llama-3.3-70b"


def main() -> None:
    """Run the demo."""
    with tempfile.TemporaryDirectory(prefix="gatewright-demo-") as folder:
        policy = Path(shutil.copy(Path(__file__).parent / "gateway.yaml", folder))
        print("gatewright up --simulate examples/quickstart")
        with gateway(policy) as running:
            step("ready", running.url)
            openai_sdk(running.url)
            anthropic_sdk(running.url)
            plain_service(running.url)
            edit(running, policy)


if __name__ == "__main__":
    main()
