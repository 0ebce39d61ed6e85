"""Where a ledger is, and its answers: a SQLite file, or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from cli import exits

if TYPE_CHECKING:
    from compiler.plan import Plan
    from ext_authz.ledger.query import Question
    from ext_authz.ledger.store import LedgerStore

_AT_ONCE: Final = 2_000
_FORMS: Final = "sqlite:PATH, postgresql://..., env:NAME or file:PATH"


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger: ``dialect`` is whose SQL it speaks; ``place`` is a path, or a URL (a secret)."""

    dialect: str
    place: str = field(repr=False)

    def ask(self, question: Question) -> Iterator[Sequence[Any]]:
        """Give the rows of the answer as they come; raises CannotRunError."""
        return (
            _ask_sqlite(self.place, question) if self.dialect == "sqlite" else self._ask(question)
        )

    def _ask(self, question: Question) -> Iterator[Sequence[Any]]:
        try:
            import psycopg
        except ImportError:
            raise exits.CannotRunError(
                "psycopg is not installed", hint="pip install 'gatewright[postgres]'"
            ) from None
        try:
            with psycopg.connect(self.place, connect_timeout=10) as connection:
                connection.read_only = True
                # On the server's side, so that an export of all of it is never all in memory.
                with connection.cursor(name="usage") as cursor:
                    cursor.itersize = _AT_ONCE
                    cursor.execute(question.sql.encode(), question.parameters)
                    yield from cursor
        except psycopg.errors.UndefinedTable:
            return  # no edge has written there yet
        except psycopg.Error as error:
            raise exits.CannotRunError(_reason(error, self.place)) from None

    def store(self) -> LedgerStore:
        """Give the ledger as what may write it, too."""
        from ext_authz.ledger.postgres import PostgresLedger
        from ext_authz.ledger.sqlite import SqliteLedger

        if self.dialect != "sqlite":
            return PostgresLedger(self.place)
        return SqliteLedger(_existing(Path(self.place)))


def named(text: str) -> Source:
    """Read what ``--ledger`` names; raises CannotRunError."""
    if text.startswith(("postgresql://", "postgres://")):
        return Source("postgres", text)
    kind, _, rest = text.partition(":")
    if kind == "sqlite":
        return Source("sqlite", rest)
    if kind in ("env", "file") and rest:
        return _secret(text)
    if Path(text).exists():
        return Source("sqlite", text)
    raise exits.CannotRunError("--ledger names no ledger", hint=f"write it as {_FORMS}")


def of_policy(plan: Plan, state: Path) -> Source:
    """Give the ledger of a policy; an embedded one lies in the edge's state folder."""
    from ext_authz.ledger.sqlite import FILE

    store = plan.ledger.store
    if store.kind == "postgres":
        return _secret(store.secret.sources[0]) if store.secret else Source("postgres", store.url)
    if store.kind == "none":
        raise exits.CannotRunError("this policy keeps no ledger")
    return Source("sqlite", str(state / FILE))


def _secret(source: str) -> Source:
    kind, _, name = source.partition(":")
    if kind == "env":
        url = os.environ.get(name, "")
    else:
        try:
            url = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise exits.CannotRunError(f"{source}: {error.strerror}") from None
    if not url.strip().startswith(("postgresql://", "postgres://")):
        raise exits.CannotRunError(f"{source} holds no postgresql:// URL")
    return Source("postgres", url.strip())


def _ask_sqlite(path: str, question: Question) -> Iterator[Sequence[Any]]:
    _existing(Path(path))
    address = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            yield from connection.execute(question.sql, question.parameters)
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return
        raise exits.CannotRunError(f"{path}: {error}") from None
    except sqlite3.Error as error:
        raise exits.CannotRunError(f"{path}: {error}") from None


def _existing(path: Path) -> Path:
    with suppress(OSError):
        if path.stat().st_size >= 0:
            return path
    raise exits.CannotRunError(
        f"there is no ledger at {path}",
        hint=f"name it with --ledger ({_FORMS}), or the edge's folder with --state",
    )


def _reason(error: Exception, url: str) -> str:
    from ext_authz.ledger.postgres import reason

    return reason(error, url)
