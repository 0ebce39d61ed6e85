"""The control plane's own image, and the quickstart that compose runs with it."""

from __future__ import annotations

import json
import subprocess
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import docker
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TAG = "gatewright"


@pytest.fixture(scope="module")
def image(engine, repository):
    """The image, built as compose builds it."""
    try:
        built, _log = engine.images.build(
            path=str(repository), dockerfile="deploy/Dockerfile", tag=TAG, rm=True
        )
    except docker.errors.BuildError as error:
        log = "".join(line.get("stream", "") for line in error.build_log)
        pytest.fail(f"{error}\n{log}")
    return built


def test_the_image_finds_its_policy_right(engine, image, repository):
    """`gatewright check` in the image takes the policy that compose mounts."""
    policy = repository / "deploy" / "policy"
    output = engine.containers.run(
        image.id,
        ["check", "/etc/gatewright"],
        volumes=[f"{policy}:/etc/gatewright:ro"],
        network_mode="none",
        remove=True,
    )
    assert output.decode().startswith("quickstart: ok.")


def test_the_image_is_nobody(engine, image):
    """Inside, the user is not root and cannot write to the program."""
    output = engine.containers.run(
        image.id,
        ["-c", "id -u; touch /opt/gatewright/x 2>/dev/null && echo wrote; true"],
        entrypoint=["sh"],
        network_mode="none",
        remove=True,
    )
    assert output.decode() == "10001\n"


def test_compose_serves_the_quickstart(image, repository):
    """`docker compose up` answers a chat on the published port, and falls back on a 429."""
    compose = ["docker", "compose", "--file", str(repository / "deploy" / "compose.yaml")]
    if subprocess.run([*compose[:2], "version"], capture_output=True).returncode:
        pytest.skip("no `docker compose` on this machine")
    try:
        subprocess.run([*compose, "up", "--detach", "--wait-timeout", "120"], check=True)
        asked = Request(
            "http://127.0.0.1:8080/v1/chat/completions",
            data=json.dumps(
                {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
            ).encode(),
            headers={"content-type": "application/json", "x-simulate": "openai=429"},
        )
        assert _answer(asked)["model"] == "llama-3.3-70b"
    finally:
        subprocess.run([*compose, "down", "--volumes", "--timeout", "5"], check=True)


def _answer(asked: Request) -> dict[str, object]:
    """The answer, once Envoy listens: compose calls it started before that."""
    end = time.monotonic() + 60
    while True:
        try:
            with urlopen(asked, timeout=10) as answer:
                return json.load(answer)
        except (URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
