"""How a comparison of levels reads in a terminal: one line that says what is claimed, then its levels by gain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts.errors import InvalidPatternError
from contracts.levels import Comparison, Level
from reports import levels, words

MOST_LEVELS = 12
"""Levels of a comparison that a terminal shows, two best for one worst; `--json` gives all."""


def read(value: Any) -> Comparison | None:
    """The comparison that a part of a payload holds; None for anything else."""
    if not isinstance(value, Mapping) or not {"recommendation", "levels"} <= value.keys():
        return None
    try:
        return Comparison.from_payload(value)
    except InvalidPatternError:
        return None


def split(payload: Mapping[str, Any]) -> tuple[list[Comparison], dict[str, Any]]:
    """The comparisons of a payload, however deep they lie, and what else it holds."""
    found: list[Comparison] = []
    rest: dict[str, Any] = {}
    for name, value in payload.items():
        comparison = read(value)
        if comparison is not None:
            found.append(comparison)
        elif isinstance(value, Mapping) and value and all(read(one) for one in value.values()):
            found += [one for one in map(read, value.values()) if one]
        else:
            rest[name] = value
    return sorted(found, key=lambda one: (not one.claimed, -one.confidence)), rest


def drawn(comparison: Comparison) -> RenderableType:
    """What is claimed and on what, and a table of levels: change of the odds with its 90 % interval."""
    best = comparison.recommendation
    told = (
        f"{levels.answer(comparison.name, best.key)}, {words.change(best.gain)} odds, an outcome at "
        f"{words.share(best.rate, 1)} of touches instead of {words.share(comparison.rate, 1)}"
        if comparison.claimed
        else f"{levels.question(comparison.name)}: nothing is claimed"
    )
    kind = "randomised" if comparison.randomised else "observational"
    basis = (
        f"confidence {words.sureness(comparison.confidence)} · {words.count(comparison.outcomes)} outcomes of "
        f"{words.count(comparison.sample_size)} touches · {kind}"
    )
    return Group(
        "", Text(told, style="bold" if comparison.claimed else ""), Text(basis, style="dim"), *_table(comparison)
    )


def _table(comparison: Comparison) -> Iterator[RenderableType]:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("level")
    for name in ("touches", "outcomes", "use", "odds", "90 % interval", "better", "best"):
        table.add_column(name, justify="right", no_wrap=True)
    chosen = levels.best_and_worst(comparison, MOST_LEVELS)
    for level in chosen:
        table.add_row(*_cells(comparison.name, level))
    yield table
    more = len(comparison.levels) - len(chosen)
    if more:
        yield Text(f"… and {more} more between the best and the worst; --json gives all", style="dim")


def _cells(name: str, level: Level) -> Iterator[Text]:
    low, high = levels.interval(level)
    yield Text(levels.spoken(name, level.key))
    yield Text(words.count(level.n))
    yield Text(words.count(level.s))
    yield Text(words.share(level.use))
    yield Text(words.change(level.gain))
    yield Text(f"{words.change(low)} to {words.change(high)}")
    yield Text(words.sureness(level.p_better))
    yield Text(words.sureness(level.p_best))
