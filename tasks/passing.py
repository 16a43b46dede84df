"""How records reach a task."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.utilities.annotations import quote

T = TypeVar("T")


def whole(value: T) -> T:
    """The value as it is: Prefect would otherwise walk through all of its fields in search of futures."""
    return cast("T", quote(value))
