"""What redaction costs: CPU per request of 2 KB without a value, with one, with a dozen; per chunk.

`clean` is the bar: 10 us for the scan of a request of 2 KB in which nothing is found, from its
bytes to the session that waits for the answer; `gate alone` is the patterns' part of it. Detectors
are those of `pii` and `secrets`, some 40 with more than 70 patterns. Each figure is the best of
many short runs, since other processes only ever add to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from ext_authz.redact.catalogue import detectors
from ext_authz.redact.redactor import Redactor, Session
from ext_authz.redact.rules import Action, Rules
from ext_authz.redact.scanner import Scanner

_PROSE = (
    "Could you look over the draft again and tell me which of the three proposals reads best? "
    "The meeting is on 2024-05-06 at 10:30 in room 214, order 48213 ships the week after. "
)
_VALUES = (
    "bob@example.com",
    "eve@example.org",
    "4111 1111 1111 1111",
    "(415) 555-2671",
    "+49 30 1234567",
    "DE89 3704 0044 0532 0130 00",
    "536-90-4399",
    "AKIAIOSFODNN7EXAMPLE",
    "mia@example.net",
    "5555 5555 5555 4444",
    "020 7946 0958",
    "tom@example.com",
)
_ROUNDS = 30


def main() -> None:
    """Measure and print."""
    rules = Rules(detectors(["pii", "secrets"]))
    redactor, scanner = Redactor(rules), Scanner(rules.detectors)
    text = (_PROSE * 20)[:2048]
    said = text.encode()
    print(f"CPU us, best of {_ROUNDS}")
    _print("gate alone, 2 KB of text, clean", lambda: scanner.gate(said))
    for name, ascii_only in (("clean", False), ("clean, with \\n escapes", False)):
        body = _body(text if name == "clean" else text.replace(". ", ".\n"), ascii_only=ascii_only)
        _print(f"request of {len(body)} bytes, {name}", partial(redactor.request, body))
    cyrillic = _body("Добрый день, прочтите это. " * 40, ascii_only=True)
    _print(f"request of {len(cyrillic)} bytes, clean, all \\u", lambda: redactor.request(cyrillic))
    for count in (1, 12):
        at = len(text) // count
        parts = [f"{text[n * at : (n + 1) * at]} ({_VALUES[n]}) " for n in range(count)]
        body = _body("".join(parts), ascii_only=False)
        found = sum(redactor.request(body).audit.found.values())
        assert found == count, found
        _print(f"request of {len(body)} bytes, {count} found", partial(redactor.request, body))
    _streams(redactor, rules, said)


def _streams(redactor: Redactor, rules: Rules, said: bytes) -> None:
    scanning = Redactor(Rules(rules.detectors, answers=Action.PLACEHOLDER))
    prompt = _body("I am bob@example.com", ascii_only=False)
    words = said.decode().split(" ")
    chunks = [_chunk(word + " ") for word in words]
    for name, session in (
        ("restored", redactor.request(prompt)),
        ("scanned and restored", scanning.request(prompt)),
    ):

        def stream(session: Session = session) -> None:
            way = session.stream()
            for chunk in chunks:
                way.feed(chunk)
            way.end()

        _print(f"SSE chunk, {name}", stream, len(chunks))
    answer = json.dumps({"choices": [{"message": {"content": said.decode()[:1024]}}]}).encode()
    whole = redactor.request(prompt)
    _print("whole answer of 1 KB, nothing to restore", lambda: whole.answer(answer))
    restored = answer.replace(b"draft", b"<EMAIL_1>")
    _print("whole answer of 1 KB, restored", lambda: whole.answer(restored))


def _body(text: str, *, ascii_only: bool) -> bytes:
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": text},
    ]
    value = {"model": "fast", "messages": messages, "temperature": 0.2, "stream": True}
    return json.dumps(value, ensure_ascii=ascii_only).encode()


def _chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(value).encode()


def _print(name: str, measured: Callable[[], object], units: int = 1) -> None:
    times = max(4, 300 // units)
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.process_time()
        for _ in range(times):
            measured()
        best = min(best, (time.process_time() - started) / times / units)
    print(f"  {name:48} {best * 1e6:7.1f}")


if __name__ == "__main__":
    main()
