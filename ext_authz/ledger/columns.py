"""The ledger's one table, in the words of SQLite and of PostgreSQL, and how it came to be.

Its columns are the fields of `ext_authz.ledger.row.Row` under the same names. A change of the
table is one more step in ``STEPS``; a database says how many of them it has taken.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import fields

from ext_authz.ledger.row import Row

TABLE: Final = "gatewright_ledger"
COLUMNS: Final = Row.__struct_fields__

_TYPES: Final = {
    "sqlite": {str: "TEXT", int: "INTEGER", bool: "INTEGER"},
    "postgres": {str: "TEXT", int: "BIGINT", bool: "BOOLEAN"},
}
ARRAYS: Final = {
    field.name: {str: "text[]", int: "bigint[]", bool: "boolean[]"}[field.type]
    for field in fields(Row)
}
"""PostgreSQL's type for a column's values of many rows."""


def quoted(name: str) -> str:
    """Write a name so that no word of SQL's is taken for it."""
    return f'"{name}"'


def steps(dialect: str) -> tuple[tuple[str, ...], ...]:
    """Give the statements of each step."""
    types = _TYPES[dialect]
    columns = ", ".join(
        f"{quoted(field.name)} {types[field.type]} NOT NULL"
        + (" PRIMARY KEY" if field.name == "id" else "")
        for field in fields(Row)
    )
    first = (
        f"CREATE TABLE {TABLE} ({columns})",
        f'CREATE INDEX {TABLE}_time ON {TABLE} ("time")',
        f'CREATE INDEX {TABLE}_tenant ON {TABLE} ("tenant", "time")',
    )
    return (first,)
