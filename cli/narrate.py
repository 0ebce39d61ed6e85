"""What a running control plane tells, for people on stderr or as one JSON object a line on stdout.

The JSON lines have ``event`` and ``at`` (seconds since 1970), and what the event's own function
names. What is about a version of the policy has the ``revision`` of its source, with ``short``,
``ref`` and ``authored``, or nulls. None holds a secret: diagnostics name where it lies.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from cli.policy import counted
from cli.sources.source import UNKNOWN, Revision

if TYPE_CHECKING:
    from cli.reload import Reloaded
    from compiler.diagnostic import Diagnostic
    from compiler.pipeline import Compiled
    from xds.fleet import Happened


class Narrator:
    """Tells what happens, in one of two voices."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._live = UNKNOWN
        self._version: str | None = None
        self._serving = False

    def listening(self, address: str, restored: str | None, revision: str = "") -> None:
        """Tell where ADS is served, and which stored snapshot, if any, of which revision."""
        self._version = restored
        rest = f", serving the stored snapshot {restored[:12]}" if restored else ""
        self._serving = restored is not None
        if revision:
            self._live = Revision(revision.removesuffix("-dirty"), revision.endswith("-dirty"))
            rest += f" of {self._live.short}"
        self._say(
            "listening",
            f"serving ADS on {address}{rest}",
            address=address,
            restored=restored,
            **self._live.facts(),
        )

    def reloaded(self, reloaded: Reloaded) -> None:
        """Tell what a compilation gave: ``version`` is null where the policy is wrong."""
        published = reloaded.published
        revision = reloaded.revision
        self.diagnostics(reloaded.diagnostics, reloaded.compiled, revision)
        milliseconds = round(reloaded.seconds * 1000)
        if published is None:
            of = f"{revision.shown}: " if revision.commit else ""
            rest = (
                "the last good one is served on" if self._serving else "there is no other to serve"
            )
            self._say(
                "wrong",
                f"{of}the policy has errors; {rest}",
                version=None,
                milliseconds=milliseconds,
                **revision.facts(),
            )
            return
        self._live = revision
        self._version = published.version
        self._serving = True
        plan = reloaded.compiled.plan
        of = f", {revision.shown}" if revision.commit else ""
        # Where a rollout is declared, its own events tell who has it.
        word = "live" if plan.rollout is None else "published"
        self._say(
            "published",
            f"{plan.name}: {counted(plan.routes, 'route')} {word} as {published.version[:12]} "
            f"({milliseconds} ms){of}",
            name=plan.name,
            version=published.version,
            held=sorted(name for _, name in published.held),
            milliseconds=milliseconds,
            **revision.facts(),
        )

    def diagnostics(
        self,
        found: tuple[Diagnostic, ...],
        compiled: Compiled | None,
        revision: Revision | None = None,
    ) -> None:
        """Show diagnostics, with the lines they are about where the sources are at hand.

        They are about what is live, unless another ``revision`` is named.
        """
        from compiler.read import Sources
        from compiler.render import render

        if not found:
            return
        sources = compiled.sources if compiled is not None else Sources(())
        if not self._as_json:
            print(render(found, sources, "text"), file=sys.stderr)
            return
        for one in found:
            self._say(
                "diagnostic",
                "",
                code=one.code,
                severity=one.severity.value,
                message=one.message,
                place=None if one.span is None else str(one.span),
                hint=one.hint,
                **(self._live if revision is None else revision).facts(),
            )

    def rollout(self, happened: Happened) -> None:
        """Tell what happened to a change on its way to the nodes of a group."""
        event = happened.event
        self._say(
            "rollout",
            str(happened),
            group=happened.group,
            kind=event.kind.value,
            version=event.version,
            wave=event.wave + 1,
            share=event.share,
            reason=event.reason,
            node=happened.nack.node if happened.nack else None,
            **self._live.facts(),
        )

    def note(self, event: str, text: str, **facts: Any) -> None:
        """Tell something small."""
        self._say(event, text, **facts)

    def log(self, text: str, **facts: Any) -> None:
        """Tell what the control plane logged, and which revision is live meanwhile."""
        self._say("log", text, **facts, version=self._version, **self._live.facts())

    def _say(self, event: str, text: str, **facts: Any) -> None:
        if self._as_json:
            print(json.dumps({"event": event, "at": round(time.time(), 3), **facts}), flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


class StreamLog(logging.Handler):
    """Passes on what the control plane logs: streams that open and close, and what went wrong."""

    def __init__(self, narrator: Narrator) -> None:
        super().__init__(logging.INFO)
        self._narrator = narrator

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        node = getattr(record, "node", None)
        message = record.getMessage()
        text = f"{message} ({node})" if node else message
        facts: dict[str, Any] = {}
        if record.exc_info and (error := record.exc_info[1]) is not None:
            # Where it was and of what kind; what it says may quote a secret.
            trace = "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__
            text = f"{text}\n{trace}"
            facts["traceback"] = trace
        self._narrator.log(text, level=record.levelname, message=message, node=node, **facts)
