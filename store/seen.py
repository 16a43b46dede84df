"""What a source returned in a run: by which queries, which columns, of which types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """query: hash of its text. types: column → PostgreSQL type, as `format_type` writes it."""

    query: str
    types: Mapping[str, str]


def plain(seen: Mapping[str, Seen]) -> dict[str, Any]:
    """As JSON, by extract."""
    return {name: {"query": one.query, "types": dict(one.types)} for name, one in sorted(seen.items())}


def parsed(found: Mapping[str, Any]) -> dict[str, Seen]:
    """What `plain` wrote."""
    return {name: Seen(one["query"], one["types"]) for name, one in found.items()}
