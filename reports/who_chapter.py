"""WHO's chapter of the page: which pictures, of which tenants, in which order, and what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.learning import Ruling
from reports import who, who_figures, words
from reports.chapter import MOST_PANELS, MOST_ROWS, Chapter, Section
from reports.records import ReportInput
from reports.who import Story

ENOUGH = 100
"""Conversions after which weights have settled, as the specification wants it (detectors.md §1, convergence)."""

MOST_SMALL = 6
"""Most tenants with a picture of calibration, and of dimensions."""


def chapter(record: ReportInput) -> Chapter:
    """Tenants with most outcomes first, where there are too many to draw."""
    ranked = sorted(
        (o for o in record.report.outcomes if o.learner == who.NAME and o.tenant_id in record.tenants),
        key=lambda o: (-o.outcomes, o.tenant),
    )
    stories = [who.read(outcome, record.tenants[outcome.tenant_id]) for outcome in ranked]
    sections = (_weights(stories), _proof(stories), _calibration(stories), _dimensions(stories))
    return Chapter(
        who.NAME,
        "Who converts",
        "How much should each part of a lead's score count?",
        tuple(section for section in sections if section.figures),
        tuple(_caveats(record, stories)),
    )


def _weights(stories: list[Story]) -> Section:
    chosen = [s for s in stories if s.weights and s.in_force] or [s for s in stories if s.weights]
    drawn = chosen[:MOST_PANELS]
    planted = any(s.planted and s.planted.weights for s in drawn)
    highest = max((w for s in drawn for w in _all_weights(s)), default=0.5)
    legend = [("default", "tick", "before"), ("learned", "dot", "after")]
    if planted:
        legend.append(("planted", "diamond", "planted truth"))
    force = "in force after this run" if drawn and drawn[0].in_force else "learned, and not in force"
    text = (
        f"Weights {force}, as shares of the score. The bar runs from what was before (the documented defaults where "
        "no version was replaced) to what was learned."
    )
    if planted:
        text += " The diamond is what this simulated world really holds; no learner ever saw it."
    return Section(
        "Weights before and after",
        text,
        tuple(who_figures.weights(s, ceiling=highest * 1.08) for s in drawn),
        tuple(legend),
        _left_out(len(chosen), len(drawn), "those with most outcomes"),
    )


def _all_weights(story: Story) -> Iterable[float]:
    yield from story.weights or ()
    yield from (story.planted.weights or ()) if story.planted else ()
    yield 0.25  # the largest default


def _proof(stories: list[Story]) -> Section:
    gained, lifted = [s for s in stories if s.gain], [s for s in stories if s.lift]
    figures = []
    if gained:
        figures.append(who_figures.gains(sorted(gained[:MOST_ROWS], key=_published_and_best_first)))
    if lifted:
        figures.append(who_figures.lifts(sorted(lifted[:MOST_ROWS], key=_published_and_best_first)))
    text = (
        "Each block of later leads is scored with weights learned only from what was known before it began. "
        "The first picture: how much better the learned weights rank those leads than the weights in force. The bar "
        "holds the next period's gain with 90 % probability; the small ticks are single blocks. "
        "The second: how many times as often the top fifth converts as all leads, with a 90 % interval; "
        "the grey tick is the same for the weights in force."
    )
    most = max(len(gained), len(lifted))
    return Section(
        "Judged on later leads",
        text,
        tuple(figures),
        (("publish", "dot", "published"), ("hold", "dot", "held"), ("default", "tick", "weights in force")),
        _left_out(most, min(most, MOST_ROWS), "those with most outcomes"),
        columns=2,
    )


def _published_and_best_first(story: Story) -> tuple[bool, float, str]:
    return not story.published, -(story.gain.value if story.gain else 0.0), story.tenant


def _calibration(stories: list[Story]) -> Section:
    chosen = [s for s in stories if s.calibration and s.in_force]
    return Section(
        "Promised and kept",
        "Later leads in bins of equal promise: the share that was predicted to convert, and the share that did, "
        "with 90 % intervals. On the dashed line, promise and outcome agree.",
        tuple(who_figures.calibration(s) for s in chosen[:MOST_SMALL]),
        note=_left_out(len(chosen), min(len(chosen), MOST_SMALL), "those with most outcomes"),
    )


def _dimensions(stories: list[Story]) -> Section:
    chosen = [s for s in stories if any(level.significant for level in s.levels)]
    return Section(
        "Who stands out",
        "Conversion rates by title, industry, size, country and source, drawn toward the tenant's own rate (dashed) "
        "the more, the fewer leads a level has. Filled dots stand out beyond chance: of such claims, one in ten may be "
        "chance (Benjamini–Hochberg).",
        tuple(who_figures.dimensions(s) for s in chosen[:MOST_SMALL]),
        (("learned", "dot", "stands out"), ("default", "ring", "may be chance")),
        _left_out(len(chosen), min(len(chosen), MOST_SMALL), "those with most outcomes"),
    )


def _left_out(all_of_them: int, drawn: int, which: str) -> str:
    return f"{drawn} of {all_of_them} tenants are drawn: {which}." if drawn < all_of_them else ""


def _caveats(record: ReportInput, stories: list[Story]) -> Iterable[str]:
    yield (
        "These are associations. Leads were not assigned their titles or scores by lot, so the weights say who "
        "converts, not what makes them convert."
    )
    yield _hundred(record)
    yield _sixty(record, stories)
    ahead = [s for s in stories if s.auc_ceiling is not None and s.auc is not None and s.auc_ceiling - s.auc > 0.03]
    if ahead:
        yield (
            f"For {words.plural(len(ahead), 'tenant')} a score that is not a weighted sum would rank later leads "
            f"better by more than .03 AUC (most: {ahead[0].tenant}, {words.decimal(ahead[0].auc_ceiling)} against "
            f"{words.decimal(ahead[0].auc)}): there, better components will pay more than better weights."
        )


def _hundred(record: ReportInput) -> str:
    """The specification's "weight convergence after 100 outcomes", as it can hold."""
    who_outcomes = [o for o in record.report.outcomes if o.learner == who.NAME]
    enough = [o for o in who_outcomes if o.outcomes >= ENOUGH]
    published = sum(o.ruling is Ruling.PUBLISH or o.version > 0 for o in enough)
    have = (
        f"Of the {words.plural(len(enough), 'tenant')} that have as many, {published} now use learned weights."
        if enough
        else "No tenant has as many yet."
    )
    return (
        "“Weights converge after 100 outcomes” means 100 conversions, not 100 leads: where 5 % convert, that is "
        f"2,000 leads. {have}"
    )


def _sixty(record: ReportInput, stories: list[Story]) -> str:
    """The specification's "more than 60 % of high-scored leads convert", as it can hold."""
    rates = [s.rate for s in stories if s.rate is not None]
    usual = sum(rates) / len(rates) if rates else 0.05
    lifts = sorted(s.lift.value for s in stories if s.lift and s.in_force)
    seen = f" Here the top fifth converts {_range(lifts)} times as often as usual." if lifts else ""
    return (
        f"“More than 60 % of high-scored leads convert” is arithmetic that cannot hold where {words.share(usual, 1)} "
        f"convert: even a perfect score would make {words.share(min(1.0, 5 * usual))} of the top fifth convert. "
        f"So the lift of the top fifth is reported, with its interval.{seen}"
    )


def _range(values: list[float]) -> str:
    low, high = words.decimal(values[0], 1), words.decimal(values[-1], 1)
    return low if low == high else f"{low} to {high}"
