"""The items of a response: a message, a call of a function, reasoning.

Each makes the stream events of its life (added, filled piece by piece, done) and can be written
as it stands. What `written` gives is what the events have told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ext_authz.translate.clients.json_extent import JsonExtent
from ext_authz.translate.clients.thought_items import redacted, signed
from ext_authz.translate.events import ToolStart
from ext_authz.translate.thought_ids import join_signature

Events = list[dict[str, Any]]


class Item(ABC):
    """What all items have: an id, a place in the output, a status."""

    def __init__(self, item_id: str) -> None:
        self.id = item_id
        self.place = 0
        self.status = "in_progress"
        self.cut_short = False  # by the limit of tokens, or by a filter

    def added(self) -> Events:
        """The event that tells of the item, empty as yet."""
        return [self._about("response.output_item.added", item=self.written())]

    def done(self) -> Events:
        """The events that end the item."""
        self.status = "incomplete" if self.cut_short else "completed"
        return [
            *self._filled(),
            self._about("response.output_item.done", item=self.written()),
        ]

    @abstractmethod
    def written(self) -> dict[str, Any]:
        """The item as it stands."""

    @abstractmethod
    def _filled(self) -> Events:
        """The events that end what was filled piece by piece."""

    def _about(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "output_index": self.place, **fields}

    def _within(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "item_id": self.id, "output_index": self.place, **fields}


class Message(Item):
    """What the assistant says: one part of text, or of refusal, or one of each."""

    def __init__(self, item_id: str) -> None:
        super().__init__(item_id)
        self.logprobs: list[Any] = []
        self._parts: list[tuple[str, list[str]]] = []  # kind and pieces

    def text(self, piece: str) -> Events:
        """Add a piece of text."""
        made = self._opened("output_text")
        self._parts[-1][1].append(piece)
        delta = self._part("response.output_text.delta", delta=piece, logprobs=[])
        return [*made, delta]

    def refusal(self, piece: str) -> Events:
        """Add a piece of a refusal."""
        made = self._opened("refusal")
        self._parts[-1][1].append(piece)
        return [*made, self._part("response.refusal.delta", delta=piece)]

    def written(self) -> dict[str, Any]:
        """The item as it stands."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "status": self.status,
            "content": [self._shown(kind, "".join(pieces)) for kind, pieces in self._parts],
        }

    def _opened(self, kind: str) -> Events:
        if self._parts and self._parts[-1][0] == kind:
            return []
        made = self._filled()
        self._parts.append((kind, []))
        return [*made, self._part("response.content_part.added", part=self._shown(kind, ""))]

    def _filled(self) -> Events:
        if not self._parts:
            return []
        kind, pieces = self._parts[-1]
        said = "".join(pieces)
        name = "text" if kind == "output_text" else "refusal"
        done = self._part(f"response.{kind}.done", **{name: said})
        if kind == "output_text":
            done["logprobs"] = self.logprobs
        return [done, self._part("response.content_part.done", part=self._shown(kind, said))]

    def _part(self, kind: str, **fields: Any) -> dict[str, Any]:
        return self._within(kind, content_index=len(self._parts) - 1, **fields)

    def _shown(self, kind: str, said: str) -> dict[str, Any]:
        if kind == "refusal":
            return {"type": kind, "refusal": said}
        logprobs = self.logprobs if said else []
        return {"type": kind, "text": said, "annotations": [], "logprobs": logprobs}


class ToolItem(Item):
    """A call of a function."""

    def __init__(self, item_id: str, start: ToolStart) -> None:
        super().__init__(item_id)
        self._start = start
        self._extent = JsonExtent()
        self._pieces: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether the pieces are the whole of a JSON object."""
        return self._extent.complete

    def arguments(self, piece: str) -> Events:
        """Add a piece of the arguments."""
        self._pieces.append(piece)
        self._extent.add(piece)
        return [self._within("response.function_call_arguments.delta", delta=piece)]

    def caught_up(self) -> Events:
        """Tell at once what was heard while the item waited."""
        if not self._pieces:
            return []
        heard = "".join(self._pieces)
        return [self._within("response.function_call_arguments.delta", delta=heard)]

    def added(self) -> Events:
        """The event that tells of the call, its arguments not told yet."""
        return [self._about("response.output_item.added", item={**self.written(), "arguments": ""})]

    def written(self) -> dict[str, Any]:
        """The item as it stands."""
        return {
            "id": self.id,
            "type": "function_call",
            "status": self.status,
            "call_id": join_signature(self._start.id, self._start.signature),
            "name": self._start.name,
            "arguments": "".join(self._pieces),
        }

    def _filled(self) -> Events:
        if not self._pieces:
            self._pieces.append("{}")
        heard = "".join(self._pieces)
        name = "response.function_call_arguments.done"
        return [self._within(name, name=self._start.name, arguments=heard)]


class Thought(Item):
    """Reasoning, shown as one summary."""

    def __init__(self, item_id: str) -> None:
        super().__init__(item_id)
        self._pieces: list[str] = []
        self._carried: str | None = None

    def text(self, piece: str) -> Events:
        """Add a piece of reasoning."""
        made: Events = []
        if not self._pieces:
            empty = {"type": "summary_text", "text": ""}
            made.append(self._summary("response.reasoning_summary_part.added", part=empty))
        self._pieces.append(piece)
        made.append(self._summary("response.reasoning_summary_text.delta", delta=piece))
        return made

    def sign(self, signature: str) -> None:
        """Take the provider's signature."""
        self._carried = signed(signature) if signature else None

    def redact(self, data: str) -> None:
        """Take reasoning that only the provider can read."""
        self._carried = redacted(data)

    def written(self) -> dict[str, Any]:
        """The item as it stands."""
        shown = [{"type": "summary_text", "text": "".join(self._pieces)}] if self._pieces else []
        item: dict[str, Any] = {"id": self.id, "type": "reasoning", "summary": shown}
        if self._carried is not None:
            item["encrypted_content"] = self._carried
        return item

    def _filled(self) -> Events:
        if not self._pieces:
            return []
        said = "".join(self._pieces)
        part = {"type": "summary_text", "text": said}
        return [
            self._summary("response.reasoning_summary_text.done", text=said),
            self._summary("response.reasoning_summary_part.done", part=part),
        ]

    def _summary(self, kind: str, **fields: Any) -> dict[str, Any]:
        return self._within(kind, summary_index=0, **fields)
