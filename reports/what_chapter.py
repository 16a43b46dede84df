"""WHAT's chapter of the page: what messages hold, and how much better or worse they do for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from contracts.levels import Comparison, Level
from contracts.what import WhatPattern
from reports import level_figures, levels, words
from reports.chapter import Chapter, Section
from reports.charts import Figure
from reports.levels import Told
from reports.records import ReportInput

NAME = "what"
MOST_TENANTS = 6
MOST_LEVELS = 10


def chapter(record: ReportInput) -> Chapter:
    """Tenants whose pattern is in force first, then those with most outcomes."""
    tenants = levels.told(record, NAME, WhatPattern.from_payload)
    content = _effects(tenants)
    return Chapter(
        "What is said",
        "Which features of a message bring outcomes, judged between texts?",
        (content,) if content.figures else (),
        tuple(_caveats(tenants)),
    )


def _effects(tenants: list[Told[WhatPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.features][:MOST_TENANTS]
    legend = (("planted", "diamond", "planted truth"),) if any(one.simulated for one in drawn) else ()
    text = (
        "Change of the odds of an outcome against today's mix of texts, with 90 % intervals; filled where “no "
        "difference” is left out. Texts alike in everything listed here still differ by chance, and the intervals know "
        "it: a tenant with few texts cannot be sure of much."
    )
    return Section("Content", text, tuple(_figure(one) for one in drawn), legend)


def _figure(one: Told[WhatPattern]) -> Figure:
    """The levels of all features that stand out most, in one picture."""
    chosen = sorted(_levels(one.pattern), key=lambda pair: -abs(pair[1].gain))[:MOST_LEVELS]
    chosen.sort(key=lambda pair: -pair[1].gain)
    truth: dict[str, float] = {}
    for comparison in one.pattern.comparisons:
        planted = levels.planted_gains(comparison, one.effects) or {}
        truth |= {_named(comparison, key): gain for key, gain in planted.items()}
    named = [replace(level, key=_named(comparison, level.key)) for comparison, level in chosen]
    known = truth if all(level.key in truth for level in named) else None
    return level_figures.effects(one.tenant, chosen[0][0], named, known)


def _levels(pattern: WhatPattern) -> Iterator[tuple[Comparison, Level]]:
    for comparison in pattern.comparisons:
        for level in comparison.levels:
            if level.key != "no":  # the other side of yes
                yield comparison, level


def _named(comparison: Comparison, key: str) -> str:
    name = words.plain(comparison.name)
    return name if key == "yes" else f"{name}: {key}"


def _caveats(tenants: list[Told[WhatPattern]]) -> Iterator[str]:
    for one in tenants[:MOST_TENANTS]:
        pattern = one.pattern
        if pattern.words:
            said = words.listed(f"“{word.word}”" for word in pattern.words[:8])
            yield f"{one.tenant}: words of texts that convert more often, for reading only: {said}."
    if tenants:
        yield (
            "What a text says and to whom it was sent go together where people choose. Only randomised texts, such as "
            "message tests, settle what caused an outcome."
        )
