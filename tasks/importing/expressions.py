"""Is an expression of a recipe fit to be run? It may see one row of the file, no excluded column, and nothing else.

DuckDB's own parser gives the syntax tree, so that quoting, comments and nested calls are read as DuckDB will read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import duckdb

from contracts.errors import MappingError

Node = dict[str, Any]

SEES_OTHER_ROWS = {
    "WINDOW": "looks at other rows: declare a rank under [past_rank], which sees earlier rows only",
    "SUBQUERY": "holds a query of its own, and one row is all that it may see",
    "STAR": "stands for many columns, and one value is wanted",
}


@dataclass(frozen=True)
class Vocabulary:
    """What expressions may speak of. derived: rank columns and row_number, which the importer adds to the file's."""

    columns: tuple[str, ...]
    derived: tuple[str, ...]
    excluded: Mapping[str, str]
    functions: frozenset[str]  # of one row, and of equal results for equal rows


def vocabulary(
    connection: duckdb.DuckDBPyConnection, columns: Iterable[str], derived: Iterable[str], excluded: Mapping[str, str]
) -> Vocabulary:
    pure = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type IN ('scalar', 'macro') AND coalesce(stability, 'CONSISTENT') = 'CONSISTENT'"
    ).fetchall()
    return Vocabulary(tuple(columns), tuple(derived), excluded, frozenset(name for (name,) in pure))


def check_expressions(
    connection: duckdb.DuckDBPyConnection, expressions: Mapping[str, str], words: Vocabulary
) -> dict[str, str]:
    """expressions: by the place in the recipe, as `[lead] title`. Returns unknown columns with the place that asks.

    Raises MappingError for a syntax error, an excluded column, and whatever sees more than its row.
    """
    unknown: dict[str, str] = {}
    for place, text in expressions.items():
        tree = list(_walk(_parse(connection, place, text)))
        _refuse_wider_view(place, tree, words)
        for column in _columns(tree):
            if column in words.excluded:
                raise MappingError(
                    f"{place} uses '{column}', which [excluded] keeps out: {words.excluded[column]}",
                    do="Take it out of the expression, or out of [excluded] if it is known before the outcome",
                )
            if column not in words.columns and column not in words.derived:
                unknown.setdefault(column, place)
    return unknown


def refuse_unknown(unknown: Mapping[str, str], words: Vocabulary) -> None:
    """unknown: column → place that asks for it. Raises one MappingError that names them all, with the nearest."""
    if not unknown:
        return
    known = (*words.columns, *words.derived)
    asked = "; ".join(f"'{column}' ({place}){_near(column, known)}" for column, place in unknown.items())
    raise MappingError(
        f"the file has no column {asked}",
        do='Names must match the header exactly, and those with spaces or dots want double quotes: "Lead Source"',
    )


def _parse(connection: duckdb.DuckDBPyConnection, place: str, text: str) -> Node:
    """The tree of one expression; the newlines keep a comment in it from swallowing the closing bracket."""
    ((tree,),) = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT (\n{text}\n)"]).fetchall()
    parsed: Node = json.loads(tree)
    if parsed["error"]:
        raise MappingError(f"{place} is not a SQL expression: {parsed['error_message']}")
    select = parsed["statements"][0]["node"]
    if len(select["select_list"]) != 1 or select["from_table"]["type"] != "EMPTY":
        raise MappingError(f"{place} is not one SQL expression, but several", wanted="one value is wanted")
    expression: Node = select["select_list"][0]
    return expression


def _walk(node: Any) -> Iterator[Node]:
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for child in node.values():
            yield from _walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from _walk(child)


def _refuse_wider_view(place: str, tree: list[Node], words: Vocabulary) -> None:
    for node in tree:
        if node["class"] in SEES_OTHER_ROWS:
            raise MappingError(f"{place} {SEES_OTHER_ROWS[node['class']]}")
        if node["class"] == "FUNCTION" and node["function_name"] not in words.functions:
            raise MappingError(
                f"{place} calls {node['function_name']}()",
                wanted="an expression may only call DuckDB's functions of one row whose result never changes",
            )


def _columns(tree: list[Node]) -> Iterator[str]:
    local = {name for node in tree if node["class"] == "LAMBDA" for name in _lambda_names(node)}
    for node in tree:
        if node["class"] == "COLUMN_REF":
            name = ".".join(node["column_names"])
            if name not in local:
                yield name


def _lambda_names(node: Node) -> Iterator[str]:
    for child in _walk(node.get("lhs")):
        if child["class"] == "COLUMN_REF":
            yield child["column_names"][0]


def _near(word: str, known: tuple[str, ...]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=2, cutoff=0.6)
    return f", nearest: {', '.join(repr(by_lower[name]) for name in near)}" if near else ""
