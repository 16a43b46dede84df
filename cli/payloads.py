"""How a payload reads in a terminal: whatever learner made it, as comparisons, names, numbers and small tables.

A list of texts in a payload (such as WHO's components) names the entries of the lists beside it that are as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli import comparisons

MOST_ROWS = 12
"""Rows of a list that a terminal shows; `--json` gives all."""


def drawn(payload: Mapping[str, Any]) -> RenderableType:
    """Comparisons of levels and lists of records as tables, single values and short lists as lines."""
    if rows := _rows(payload):
        return _table("", rows)
    compared, rest = comparisons.split(payload)
    records = {name: rows for name, value in rest.items() if (rows := _rows(value))}
    facts = Table.grid(padding=(0, 2))
    for path, value in leaves({name: value for name, value in rest.items() if name not in records}):
        facts.add_row(f"  {path}", shown(value))
    return Group(facts, *map(comparisons.drawn, compared), *(_table(name, rows) for name, rows in records.items()))


def leaves(value: Any, path: str = "", names: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Every number and word with its path, such as weights.authority or dimensions.country/india.rate."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key), _names(value))
    elif isinstance(value, list | tuple):
        labels = _labels(value, names)
        if labels != list(value):  # a list that only names others says nothing itself
            for label, item in zip(labels, value, strict=True):
                yield from leaves(item, f"{path}.{label}")
    else:
        yield path, value


def shown(value: Any) -> str:
    """A leaf, or a list of leaves, for people: four decimals, no exponents of nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, float):
        return f"{round(value, 4) + 0.0:g}"
    return "absent" if value is None else str(value)


def _names(value: Mapping[str, Any]) -> list[str]:
    """The one list of distinct texts in a mapping, or nothing."""
    found = [item for item in value.values() if isinstance(item, list | tuple) and _are_names(item)]
    return list(found[0]) if len(found) == 1 else []


def _are_names(items: Sequence[Any]) -> bool:
    return len(items) > 0 and all(isinstance(item, str) for item in items) and len(set(items)) == len(items)


def _labels(items: Sequence[Any], names: Sequence[str]) -> list[str]:
    """What to call each entry: the name beside it, the words in it, or its place."""
    words = ["/".join(text for text in item.values() if isinstance(text, str)) for item in items if _is_record(item)]
    if len(names) == len(items) and not words:
        return list(names)
    return (
        words if len(words) == len(items) and _are_names(words) and all(words) else [str(n) for n in range(len(items))]
    )


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    """The records of a list, or of a mapping from names to records; none where it is anything else."""
    if isinstance(value, Mapping) and len(value) > 1 and all(map(_is_flat, value.values())):
        return [{"": name, **item} for name, item in value.items()]
    return list(value) if isinstance(value, list | tuple) and all(map(_is_record, value)) else []


def _is_flat(value: Any) -> bool:
    """Whether it is a record that fits into a row."""
    return _is_record(value) and not any(isinstance(item, Mapping | list | tuple) for item in value.values())


def _labels_rows(column: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a column holds words, or numbers the rows: such columns stand first."""
    values = [row.get(column) for row in rows]
    return any(isinstance(value, str | list) for value in values) or values == list(range(1, len(rows) + 1))


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), title=name or None)
    table.title_justify = "left"
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = sorted(names, key=lambda name: not _labels_rows(name, rows))
    for column in columns:
        table.add_column(column)
    for row in rows[:MOST_ROWS]:
        table.add_row(*(Text(shown(row[column]) if column in row else "") for column in columns))
    more = len(rows) - MOST_ROWS
    return Group("", table, Text(f"… and {more} more; --json gives all", style="dim")) if more > 0 else Group("", table)
