"""An edge while things change: the policy is edited, clients leave, the counters are late."""

from __future__ import annotations

import os
import signal
import threading

import httpx
import msgspec
import pytest

from tests.e2e.edges import digest_of, gateway, key_of
from tests.e2e.envoy_process import until
from tests.e2e.shared_counters import chat_body, valkey

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

POLICY = f"""\
gatewright: v1
name: live
edge: {{ folder: edge, workers: 2 }}
counters: {{ store: STORE, timeout: 100ms }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
models:
  fast: {{ targets: [openai/gpt-4o-mini] }}
prices:
  openai/gpt-4o-mini: {{ input: 0.001 USD/1M tokens, output: 1 USD/1M tokens }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
  - {{ name: there, match: /there, respond: {{ status: 200, body: there }}, auth: keys }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")}, gone: {digest_of("gone")} }} }}
  poor: {{ keys: {{ ci: {digest_of("poor")} }}, budget: 0.001 USD/month }}
  one: {{ keys: {{ ci: {digest_of("one")} }}, limits: [1 concurrent] }}
"""


def bearer(whose):
    return {"authorization": f"Bearer {key_of(whose)}"}


@pytest.fixture
def embedded(tmp_path):
    with gateway(tmp_path, POLICY.replace("STORE", "embedded"), edges=1) as running:
        yield running


class Asking:
    """Asks for a path again and again from a thread, and keeps each answer that is a new one."""

    def __init__(self, url, path, whose):
        self.told: list[int] = []
        self.count = 0
        self._ask = (url + path, bearer(whose))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _run(self):
        url, headers = self._ask
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not self._done.is_set():
                status = client.get(url, headers=headers).status_code
                if self.told[-1:] != [status]:
                    self.told.append(status)
                self.count += 1

    def more(self, count=50):
        before = self.count
        until(lambda: self.count > before + count, "no more answers")


def test_an_edit_gives_no_wrong_answer(embedded):
    """A route and a tenant come, a key goes: each answer is that of before or of after."""
    path, url = embedded.policy, embedded.urls()[0]
    with (
        Asking(url, "/there", "acme") as stays,
        Asking(url, "/there", "gone") as goes,
        Asking(url, "/new", "acme") as comes,
        Asking(url, "/there", "late") as late,
    ):
        for asking in (stays, goes, comes, late):
            asking.more()
        text = path.read_text()
        route = "  - { name: new, match: /new, respond: { status: 200, body: new }, auth: keys }\n"
        text = text.replace("tenants:\n", f"{route}tenants:\n", 1)
        text = text.replace(f", gone: {digest_of('gone')}", "")
        text = text.replace(
            "  poor:", f"  late: {{ keys: {{ ci: {digest_of('late')} }} }}\n  poor:"
        )
        path.write_text(text)
        until(lambda: comes.told[-1] == late.told[-1] == 200, "the edit does not come")
        until(lambda: goes.told[-1] == 401, "the key does not go")
        for asking in (stays, goes, comes, late):
            asking.more()
    assert stays.told == [200]
    assert goes.told == [200, 401]
    assert comes.told == [404, 200]
    assert late.told == [401, 200]


def test_a_client_that_leaves_gets_back_what_it_did_not_use(embedded):
    """What its stream had reserved of a budget, as soon as Envoy notices."""
    body = chat_body(max_tokens=800)
    slow = {**bearer("poor"), "x-simulate": "openai=ok:token_delay=1"}
    with httpx.Client(base_url=f"{embedded.urls()[0]}/v1", timeout=30) as http:
        asked = {"json": {**body, "stream": True}, "headers": slow}
        with http.stream("POST", "/chat/completions", **asked) as stream:
            parts = stream.iter_bytes()  # kept: its end would be that of the connection
            next(parts)
            refused = http.post("/chat/completions", json=body, headers=bearer("poor"))
            assert refused.status_code == 429
            assert refused.json()["error"]["code"] == "insufficient_quota"

        def passes():
            answer = http.post("/chat/completions", json=body, headers=bearer("poor"))
            return answer.status_code == 200

        until(passes, "what was reserved stays reserved", deadline=5)


def test_a_reservation_that_was_made_too_late_is_given_back(tmp_path):
    """The store did as it was asked, and nobody waited any more: the request was told 503."""
    with (
        valkey() as (server, url),
        gateway(tmp_path, POLICY.replace("STORE", url), edges=1) as running,
        httpx.Client(base_url=running.urls()[0], timeout=30) as http,
    ):
        store = server.client()
        pid = int(store.info()["process_id"])

        def ask():
            return http.get("/there", headers=bearer("one")).status_code

        store = server.client()
        pid = int(store.info()["process_id"])
        until(lambda: ask() == 200, "the first request does not pass")
        until(lambda: taken(store) == 0, "the first place does not come back")
        os.kill(pid, signal.SIGSTOP)
        try:
            assert ask() == 503
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: ask() == 200, "the place is taken for good")


def taken(store):
    """How many places the counter says are taken."""
    return msgspec.msgpack.decode(store.get("{gatewright:live}:c:tenant/one/concurrent"))[0]
