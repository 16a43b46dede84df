"""WHAT's chapter of the page: what messages hold, and how much better or worse they do for it."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.what import WhatPattern
from reports import level_figures, levels, words
from reports.chapter import Chapter, Section
from reports.level_figures import Shown
from reports.levels import LEAST_DRAWN, Told
from reports.records import ReportInput

NAME = "what"
MOST_TENANTS = 6
MOST_LEVELS = 10
MOST_WORDS = 8


def chapter(record: ReportInput) -> Chapter:
    """Tenants with a claim in force first, then those with most outcomes."""
    tenants = levels.told(record, NAME, WhatPattern.from_payload)
    content = _effects(tenants)
    return Chapter(
        NAME,
        "What is said",
        "Which features of a message bring outcomes, judged between texts?",
        (content,) if content.figures else (),
        tuple(_caveats(record, tenants)),
    )


def _effects(tenants: list[Told[WhatPattern]]) -> Section:
    asked = [one for one in tenants if one.pattern.features]
    claiming = [one for one in asked if one.in_force and one.claims]
    silent = [one for one in asked if one not in claiming]
    shown = [*claiming[:MOST_TENANTS], *silent[: max(0, LEAST_DRAWN - len(claiming))]]
    text = (
        "Change of the odds of an outcome against today's mix of texts, with 90 % intervals: claims first, then what "
        "stands out most of the rest. Texts alike in everything listed here still differ by chance, and the intervals "
        "know it: a tenant with few texts cannot be sure of much. Where nothing is claimed, gains are drawn toward "
        "none by how unlikely a difference is."
    )
    legend = (*level_figures.CLAIMED, *(level_figures.PLANTED if any(one.simulated for one in shown) else ()))
    note = levels.left_out(len(asked), len(claiming), len(shown))
    figures = tuple(level_figures.intervals(one.tenant, _standing_out(one)) for one in shown)
    return Section("Content", text, figures, legend, note)


def _standing_out(one: Told[WhatPattern]) -> list[Shown]:
    """Levels of all features in one picture: those of claims, then those that stand out most; by gain within each."""
    rows = [row for comparison in one.pattern.comparisons for row in _named(one, comparison.name)]
    claimed = sorted((row for row in rows if row[2].claimed), key=lambda row: -row[1].gain)
    others = sorted((row for row in rows if not row[2].claimed), key=lambda row: -abs(row[1].gain))
    chosen = others[: max(0, MOST_LEVELS - len(claimed))]
    return [*claimed[:MOST_LEVELS], *sorted(chosen, key=lambda row: -row[1].gain)]


def _named(one: Told[WhatPattern], feature: str) -> Iterator[Shown]:
    """The levels of one feature; of a mark that is there or not only the recommended side, the other is its mirror."""
    comparison = one.pattern.features[feature]
    for _, level, _, truth in level_figures.of(comparison, one.effects):
        if level.key in ("yes", "no") and level.key != comparison.recommendation.key:
            continue
        yield levels.claim(feature, level.key), level, comparison, truth


def _caveats(record: ReportInput, tenants: list[Told[WhatPattern]]) -> Iterator[str]:
    for one in tenants[:MOST_TENANTS]:
        if one.pattern.words:
            said = words.listed(f"“{word.word}”" for word in one.pattern.words[:MOST_WORDS])
            yield f"{one.tenant}: words of texts that convert more often, for reading only: {said}."
    if tenants:
        yield (
            "What a text says and to whom it was sent go together where people choose. Only randomised texts, such as "
            "message tests, settle what caused an outcome."
        )
    yield levels.CALIBRATED
    yield from levels.unanswered(record, NAME)
