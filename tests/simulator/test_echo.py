"""The plain service answers with what it saw."""

from __future__ import annotations

import base64

import httpx


def test_any_method_and_path_is_answered(simulator):
    """Host, path, query, headers and body as they came; no credential is asked for."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = httpx.request(
            method,
            simulator.url("plain") + "/orders/7?full=yes&x=%20",
            headers={"host": "orders.internal", "x-a": "b"},
            content="ä",
        )
        seen = answer.json()
        assert (seen["method"], seen["service"], seen["host"]) == (
            method,
            "plain",
            "orders.internal",
        )
        assert (seen["path"], seen["query"], seen["body"]) == ("/orders/7", "full=yes&x=%20", "ä")
        assert ["x-a", "b"] in seen["headers"]


def test_bytes_that_are_no_text_come_back_in_base64(simulator):
    """Nothing is lost of a binary body."""
    answer = httpx.post(simulator.url("plain") + "/", content=b"\xff\x00\xfe")
    assert base64.b64decode(answer.json()["body_base64"]) == b"\xff\x00\xfe"


def test_head_has_the_headers_and_no_body(simulator):
    """As HTTP says."""
    answer = httpx.head(simulator.url("plain") + "/x")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.content == b""


def test_its_faults_are_those_of_any_service(simulator):
    """Statuses, delays and broken connections for routes that no LLM is behind."""
    url = simulator.url("plain") + "/x"
    simulator.set_scenario("plain", ["503", "429:retry_after=2", "ok"])
    answers = [httpx.get(url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 429, 200]
    assert answers[1].headers["retry-after"] == "2"
    assert httpx.get(url, headers={"x-simulate": "html:502"}).text.startswith("<html>")
