"""How a source has drifted since the run before: told before a row is read or a file written.

A column that is missing or of a wrong type breaks the contract, and `source.require` names it. Here is what the
contract would let pass: an optional column that was there and is gone, a type that changed, a value of a channel or
status that nobody declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import psycopg

from contracts.canonical import content_hash
from contracts.errors import ContractError
from contracts.outcomes import CHANNELS, EXTRACTS, STATUSES
from store.seen import Seen
from store.source import Described, Query, explained
from store.split import newest

DECLARED = {("leads", "status"): STATUSES, ("touches", "channel"): CHANNELS}
"""Columns whose values the contract lists."""

SAMPLED = 5_000
"""Rows of a query that are looked at for values; of a table those that were written last."""


def seen(described: Mapping[str, Described]) -> dict[str, Seen]:
    """What the source returns now, for a later run to compare with."""
    names = {name: set(EXTRACTS[name].names) for name in described}
    return {
        name: Seen(
            content_hash(found.query.text)[:16],
            {column: kind for column, kind in found.types.items() if column in names[name]},
        )
        for name, found in described.items()
    }


def noticed(
    connection: psycopg.Connection, described: Mapping[str, Described], before: Mapping[str, Seen], as_of: datetime
) -> tuple[str, ...]:
    """Sentences on types that changed, and on values that the contract lacks.

    Raises ContractError where a query that nobody changed no longer returns a column that it returned before.
    """
    now = seen(described)
    _require_what_was_there(described, now, before)
    return (*_changed_types(described, now, before), *_unknown_values(connection, described, as_of))


def _require_what_was_there(
    described: Mapping[str, Described], now: Mapping[str, Seen], before: Mapping[str, Seen]
) -> None:
    gone = [
        f"{described[name].query.path} no longer returns {', '.join(lost)}"
        for name, old in before.items()
        if name in now and now[name].query == old.query and (lost := [c for c in old.types if c not in now[name].types])
    ]
    if gone:
        raise ContractError(
            f"{'; '.join(gone)}, which the run before read",
            do="Bring the column back in the source; where it is gone for good, name the columns in that query "
            "instead of `*`",
        )


def _changed_types(
    described: Mapping[str, Described], now: Mapping[str, Seen], before: Mapping[str, Seen]
) -> Iterator[str]:
    for name, old in before.items():
        for column, kind in old.types.items():
            found = now[name].types.get(column, kind) if name in now else kind
            if found != kind:
                yield f"{described[name].query.path}: {column} was {kind} in the run before, and is {found} now"


def _unknown_values(
    connection: psycopg.Connection, described: Mapping[str, Described], as_of: datetime
) -> Iterator[str]:
    for (name, column), declared in DECLARED.items():
        query = described[name].query
        unknown = sorted(_values(connection, query, column, as_of) - set(declared))
        if unknown:
            yield (
                f"{query.path} returns {column} {', '.join(map(repr, unknown))}, which the contract lacks: the checks "
                f"drop such rows. Map it to one of {', '.join(declared)} in that query"
            )


def _values(connection: psycopg.Connection, query: Query, column: str, as_of: datetime) -> set[str]:
    """Distinct values in a sample of the rows."""
    rows = query.render(as_of, as_of, newest(connection, query))
    statement = f"SELECT DISTINCT {column}::text FROM (SELECT {column} FROM (\n{rows}\n) AS q LIMIT {SAMPLED}) AS s"  # noqa: S608
    with explained(query):
        return {value for (value,) in connection.execute(statement.encode()) if value is not None}
