"""What a reloader does with a source, a compiler and a plane that do as a test says."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from cli.reload import Reloader
from cli.sources.source import Checkout, Revision
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from xds.plane import Published
from xds.secrets import Unresolved

GOOD = """\
gatewright: v1
name: edge
listeners: { public: { address: 127.0.0.1, port: 8080 } }
routes:
  - { match: /, respond: { status: 200 } }
"""


class Source:
    """Gives the checkouts that it was made with, one after the other."""

    def __init__(self, *checkouts):
        self._coming = list(checkouts)

    async def fetch(self):
        return self._coming.pop(0)


def checkout(text, commit):
    return Checkout(sources_of({"gateway.yaml": text}), Revision(commit))


def loads(source, compiler=compile_sources):
    """Load as often as the source has something; give what was told and published."""
    told, published = [], []

    async def publish(_plane, compiled, revision):
        published.append(revision)
        return Published(compiled.snapshot.version, revision=revision)

    plane = SimpleNamespace(secret_files=frozenset)
    reloader = Reloader(source, plane, compiler=compiler, tell=told.append, publish=publish)

    async def run():
        while source._coming:
            await reloader.load()

    asyncio.run(run())
    return told, published, reloader


def test_a_wrong_policy_keeps_the_good_one():
    """What is told of it names its own commit; what is live, the one before."""
    told, published, reloader = loads(Source(checkout(GOOD, "a" * 40), checkout("x", "b" * 40)))
    assert [one.published is not None for one in told] == [True, False]
    assert told[1].revision.commit == "b" * 40
    assert published == ["a" * 40]
    assert reloader.revision.commit == "a" * 40


def test_a_source_that_is_away_keeps_the_good_one():
    """It has told itself."""
    told, published, reloader = loads(Source(checkout(GOOD, "a" * 40), None))
    assert (len(told), len(published)) == (1, 1)
    assert reloader.live is not None


def test_a_compiler_that_fails_keeps_the_good_one():
    """It is told as a bug, without what the error says."""

    def compiler(sources):
        if "canary" in sources.policies[0].text:
            raise RuntimeError("canary")
        return compile_sources(sources)

    told, published, _ = loads(
        Source(checkout(GOOD, "a" * 40), checkout(GOOD + "# canary", "b" * 40)), compiler
    )
    [diagnostic] = told[1].diagnostics
    assert (diagnostic.code, len(published)) == ("internal-error", 1)
    assert "RuntimeError" in diagnostic.message
    assert "canary" not in diagnostic.message


def test_a_compiler_that_fails_at_the_start_ends_it():
    """Nothing is served yet, and the exit code says that it is a bug."""

    def compiler(_sources):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        loads(Source(checkout(GOOD, "a" * 40)), compiler)


def test_a_renewal_that_fails_is_told_at_the_policy_that_is_live():
    """As what was reread: it says nothing of the source, which may be wrong by now."""
    told, _, reloader = loads(Source(checkout(GOOD, "a" * 40), checkout("x", "b" * 40)))
    refused = Unresolved("google-token/env:SA", "env:SA", "given no token", kept=True)

    async def renewals():
        yield Published("v", (refused,))
        yield Published("v")

    reloader._plane.renewals = renewals
    asyncio.run(reloader.follow_renewals())
    failed, over = told[2:]
    assert (failed.reread, over.reread) == (True, True)
    assert failed.revision.commit == "a" * 40
    [diagnostic] = failed.diagnostics
    assert (diagnostic.code, diagnostic.severity.value) == ("unreadable-secret", "warning")
    assert over.diagnostics == ()
