"""Every example compiles without a warning, is valid to the real Envoy, and does what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from cli import exits
from cli.envoy import find_envoy, validate
from cli.main import main
from compiler.pipeline import compile_path
from compiler.standalone import standalone
from tests.conftest import REPOSITORY
from tests.e2e.envoy_process import until
from tests.e2e.up_process import running_up

EXAMPLES = sorted(path.parent for path in (REPOSITORY / "examples").glob("*/gateway.yaml"))
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


def example(name: str) -> Path:
    return REPOSITORY / "examples" / name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_compiles_without_a_finding(path):
    """No error, and no warning either: examples are read as advice."""
    assert compile_path(path).diagnostics == ()


@pytest.mark.parametrize("name", ["quickstart", "one-api", "inhouse-first", "tenants"])
def test_does_what_its_tests_say(name, capsys):
    """`gatewright test`; each of their routes and targets has a test."""
    assert main(["test", str(example(name)), "--json", "--coverage"]) == exits.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["counts"]["passed"] >= 6
    missed = [part for part in shown["coverage"]["parts"] if not part["touched"]]
    assert {part["kind"] for part in missed} <= {"limit"}


@pytest.mark.e2e
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_is_taken_by_the_real_envoy(path):
    """`envoy --mode validate` has nothing to say against it."""
    assert validate(find_envoy(), standalone(compile_path(path).lowered)) is None


@pytest.mark.e2e
def test_storefront_routes_rewrites_and_redirects():
    """Hosts, canaries by header and by weight, rewrites, a template, a direct answer."""
    with (
        running_up(example("storefront"), "--simulate") as up,
        httpx.Client(base_url=up.url("web")) as client,
    ):
        moved = client.get("/x", headers={"host": "shop.example.com"})
        assert moved.status_code == 301
        assert moved.headers["location"] == "https://store.example.com/x"
        assert client.get("/healthz").text == "ok\n"
        assert client.post("/healthz").status_code == 404
        assert client.get("/catalog/shoes").json()["path"] == "/shoes"
        assert client.get("/products/7/reviews").json()["path"] == "/reviews/7"
        sent = dict(client.get("/checkout/1").json()["headers"])
        assert sent["x-gateway"] == "storefront"


@pytest.mark.e2e
def test_model_lab_splits_and_serves_only_what_a_route_names():
    """A folder of files: weights near 80/20, an alias, and a route that knows two models only."""
    with running_up(example("model-lab"), "--simulate") as up:
        url = up.url("lab")
        with openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
            served = Counter(_target(client, "search-answers") for _ in range(200))
            # Far outside of this only once in a million runs: 200 draws of 20 %.
            assert 12 <= served["inhouse/candidate-7"] <= 72
            assert _target(client, "gpt-4o-mini") in {"openai/gpt-4o-mini", "inhouse/candidate-7"}
        with openai.OpenAI(base_url=f"{url}/search/v1", api_key="x", max_retries=0) as client:
            assert {one.id for one in client.models.list()} == {
                "search-answers",
                "search-embeddings",
            }
            vector = client.embeddings.create(model="search-embeddings", input="a shoe")
            assert len(vector.data[0].embedding) > 0
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="assistant", messages=HELLO)


@pytest.mark.e2e
def test_inhouse_first_buys_an_answer_only_where_the_prompt_is_too_long():
    """`context_exceeded` is read from the provider's own error body."""
    with (
        running_up(example("inhouse-first"), "--simulate") as up,
        openai.OpenAI(base_url=f"{up.url('local')}/v1", api_key="x", max_retries=0) as client,
    ):
        assert _target(client, "chat") == "llamacpp/llama-3.2-3b"
        too_long = {"x-simulate": "llamacpp=context_length_exceeded"}
        assert _target(client, "chat", too_long) == "openai/gpt-4o-mini"
        with pytest.raises(openai.BadRequestError):
            _target(client, "chat", {"x-simulate": "llamacpp=400"})


def _target(client: openai.OpenAI, model: str, headers: dict[str, str] | None = None) -> str:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=HELLO, extra_headers=headers or {}
    )
    return raw.headers["x-gatewright-target"]


@pytest.mark.e2e
def test_tenants_have_their_models_limits_and_ledger(tmp_path):
    """Keys are made with the command, two tiers differ, a grant opens a model, usage is told."""
    policy = shutil.copytree(example("tenants"), tmp_path / "policy")
    acme, hobby = (_command("keys", "create", f"{who}/demo", str(policy)) for who in TENANTS)
    state = tmp_path / "state"
    with running_up(policy, "--simulate", "--state", str(state)) as up:
        url = up.url("local")

        def client(key: str) -> openai.OpenAI:
            return openai.OpenAI(base_url=f"{url}/v1", api_key=key.strip(), max_retries=0)

        assert {one.id for one in client(acme).models.list()} == {"fast", "smart", "opus"}
        assert {one.id for one in client(hobby).models.list()} == {"fast"}
        assert _target(client(acme), "smart") == "openai/gpt-4o"
        with pytest.raises(openai.NotFoundError):
            _target(client(hobby), "smart")
        with pytest.raises(openai.AuthenticationError):
            client("gw_nobodys").models.list()
        statuses = [httpx.get(f"{url}/reports/1", headers=_bearer(acme)) for _ in range(3)]
        assert [one.status_code for one in statuses] == [200, 200, 429]
        assert httpx.get(f"{url}/reports/1", headers=_bearer(hobby)).status_code == 403
        seen = statuses[0].json()["headers"]
        assert ["x-gatewright-tenant", "acme"] in seen
        assert not [value for _, value in seen if acme.strip() in value]
        for _ in range(20):
            assert _target(client(hobby), "fast") == "openai/gpt-4o-mini"
        with pytest.raises(openai.RateLimitError, match="tenant `hobby` is limited to 20 requests"):
            _target(client(hobby), "fast")

        def rows() -> list[dict[str, Any]]:
            told = _command(
                *("usage", "--rows", "--format", "json", "--state", str(state)),
                *("--policy", str(policy)),
            )
            return json.loads(told)

        until(lambda: len(rows()) >= 20, "the ledger does not fill")
        assert {row["tenant"] for row in rows()} == set(TENANTS)


TENANTS = ("acme", "hobby")


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key.strip()}"}


def _command(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
