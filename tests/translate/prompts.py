"""Prompts of the three chat APIs that end in a question or in results of tools, and their rules."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import strategies as st

WORDS = st.text("abc", max_size=30)
STEPS = st.lists(st.integers(1, 3), max_size=3)  # of tools, by how many are called at once
LISTS = {"chat": "messages", "messages": "messages", "responses": "input"}


def body_of(client, items):
    fields = {"model": "m", LISTS[client]: items}
    if client == "messages":
        fields |= {"max_tokens": 5, "system": "rules"}
    return json.dumps(fields, separators=(",", ":")).encode()


@st.composite
def prompts(draw, client):
    """Turns of a question, steps of tools and an answer; the last one may lack its answer."""
    write = {"chat": _Chat, "messages": _Messages, "responses": _Responses}[client]()
    if draw(st.booleans()):
        write.rules(draw(WORDS))
    turns = draw(st.integers(1, 4))
    for turn in range(turns):
        for _ in range(draw(st.integers(1, 2))):
            write.question(draw(WORDS))
        for parallel in draw(STEPS):
            aside = draw(WORDS) if draw(st.integers(0, 4)) == 0 else ""
            write.step(draw(WORDS), parallel, draw(WORDS), aside)
        if turn < turns - 1:
            write.answer(draw(WORDS))
    return write.items


class _Chat:
    def __init__(self):
        self.items = []
        self._made = 0

    def _ids(self, count):
        self._made += count
        return [f"i{self._made - count + n}" for n in range(count)]

    def rules(self, said):
        self.items.append({"role": "system", "content": said})

    def question(self, said):
        self.items.append({"role": "user", "content": said})

    def answer(self, said):
        self.items.append({"role": "assistant", "content": said})

    def step(self, said, parallel, told, aside):
        ids = self._ids(parallel)
        calls = [{"id": one, "type": "function", "function": {"name": "f"}} for one in ids]
        self.items.append({"role": "assistant", "content": said, "tool_calls": calls})
        self.items += [{"role": "tool", "tool_call_id": one, "content": told} for one in ids]
        if aside:
            self.question(aside)


class _Messages(_Chat):
    def rules(self, said):
        """`body_of` gives the prompt its system."""

    def step(self, said, parallel, told, aside):
        ids = self._ids(parallel)
        called = [{"type": "tool_use", "id": one, "name": "f", "input": {}} for one in ids]
        results = [{"type": "tool_result", "tool_use_id": one, "content": told} for one in ids]
        # What the user says beside results stands in the same message.
        self.items.append({"role": "assistant", "content": called})
        shown = [{"type": "text", "text": aside}] if aside else []
        self.items.append({"role": "user", "content": [*results, *shown]})


class _Responses(_Chat):
    def rules(self, said):
        self.items.append({"type": "message", "role": "developer", "content": said})

    def step(self, said, parallel, told, aside):
        ids = self._ids(parallel)
        self.items.append({"type": "reasoning", "id": f"rs_{ids[0]}", "summary": []})
        self.items += [
            {"type": "function_call", "call_id": one, "name": "f", "arguments": "{}"} for one in ids
        ]
        if aside:
            # Impatient: before the results are there.
            self.question(aside)
        self.items += [
            {"type": "function_call_output", "call_id": one, "output": told} for one in ids
        ]


def check_valid(items):
    """Each result has its call before it, each call its result, and a user begins."""
    open_calls = set()
    for item in items:
        calls, results = called(item), answered(item)
        assert results <= open_calls
        open_calls -= results
        open_calls |= calls
    assert not open_calls
    first = next(item for item in items if item.get("role") not in ("system", "developer"))
    assert first["role"] == "user"
    assert not answered(first)


def check_alternates(messages):
    """As far as it was so before: an assistant is followed by a user."""
    roles = [message["role"] for message in messages]
    assert ("assistant", "assistant") not in list(pairwise(roles))


def called(item):
    found = {call["id"] for call in item.get("tool_calls", ())}
    if item.get("type") == "function_call":
        found.add(item["call_id"])
    return found | {one["id"] for one in _blocks(item) if one["type"] == "tool_use"}


def answered(item):
    found = {item["tool_call_id"]} if "tool_call_id" in item else set()
    if item.get("type") == "function_call_output":
        found.add(item["call_id"])
    return found | {one["tool_use_id"] for one in _blocks(item) if one["type"] == "tool_result"}


def spoken(items):
    """The places at which a user says something."""
    return [
        place
        for place, item in enumerate(items)
        if item.get("role") == "user"
        and (not _blocks(item) or any(one["type"] == "text" for one in _blocks(item)))
    ]


def _blocks(item):
    content = item.get("content")
    return content if isinstance(content, list) else []
