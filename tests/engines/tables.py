"""Tests that read as tables: one row a situation, one column a fact, each row a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def table(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Parametrise a test's `row` argument with the rows of a `|` table as dicts of stripped text."""
    head, *body = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    rows = [dict(zip(head, cells, strict=True)) for cells in body]
    return pytest.mark.parametrize("row", rows, ids=[cells[0] for cells in body])
