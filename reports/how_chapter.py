"""HOW's chapter of the page: which channel, which channel next, and what attribution would have said."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.how import HowPattern
from contracts.levels import Comparison, Level
from reports import channel_figures, level_figures, levels, words
from reports.channel_figures import Estimate
from reports.chapter import MOST_ROWS, Chapter, Section
from reports.charts import Figure
from reports.levels import Told
from reports.records import ReportInput

NAME = "how"
MOST_TENANTS = 6
MOST_FLOWS = 4
MOST_CREDITS = 3


def chapter(record: ReportInput) -> Chapter:
    """Tenants with a claim in force first, then those with most outcomes."""
    tenants = levels.told(record, NAME, HowPattern.from_payload)
    sections = (_channels(tenants), _flows(tenants), _value(tenants), _several(tenants), _credits(tenants))
    return Chapter(
        NAME,
        "How people are reached",
        "Which channel brings an outcome, given the touch and the channel before it?",
        tuple(section for section in sections if section.figures),
        tuple(_caveats(record, tenants)),
    )


def _channels(tenants: list[Told[HowPattern]]) -> Section:
    shown, note = levels.answers(tenants, lambda pattern: pattern.channels, MOST_TENANTS)
    figures = tuple(
        level_figures.intervals(one.tenant, level_figures.of(channels, one.effects, _by_gain(channels)))
        for one, channels in shown
    )
    text = (
        "How much better or worse the odds of an outcome are by each channel than by today's mix of channels, among "
        "touches alike in score, touch number and previous channel; with 90 % intervals, filled where “no difference” "
        "is left out."
    )
    legend = (*level_figures.CLAIMED, *_truth([one for one, _ in shown]))
    return Section("Channels", text, figures, legend, note)


def _by_gain(comparison: Comparison) -> list[Level]:
    return sorted(comparison.levels, key=lambda level: -level.gain)


def _flows(tenants: list[Told[HowPattern]]) -> Section:
    shown, note = levels.answers(tenants, lambda pattern: pattern.next_channel, MOST_FLOWS)
    text = (
        "From the channel of one touch to that of the next, each way as wide as it was gone. Blue ways bring outcomes "
        "more often than the other ways on from the same channel, brown ones less often; pale ones do not differ with "
        "90 % probability. Beside it, the best next channel after each one, with its 90 % interval."
    )
    return Section(
        "Which channel next",
        text,
        tuple(figure for one, following in shown for figure in _flow(one, following)),
        (*level_figures.LEGEND, *level_figures.CLAIMED, *_truth([one for one, _ in shown])),
        note,
        columns=2,
    )


def _flow(one: Told[HowPattern], following: Comparison) -> tuple[Figure, Figure]:
    best = channel_figures.best_next(following)
    return (
        channel_figures.flow(one.tenant, following),
        level_figures.intervals(
            f"{one.tenant}: best next", level_figures.of(following, one.effects, best), level_figures.HALF
        ),
    )


def _value(tenants: list[Told[HowPattern]]) -> Section:
    """Off-policy values, for tenants that log their policies' probabilities."""
    found = [
        Estimate(one.tenant, 100 * value.dr, 100 * value.low, 100 * value.high, 100 * value.logged)
        for one in tenants
        if (value := one.pattern.value)
    ]
    figures = _estimates("Outcomes of 100 touches", "outcomes", found)
    text = (
        "Where a policy logged its probabilities, outcomes tell what another one would have brought: the share of "
        "touches with an outcome had the recommendations been followed (doubly robust, 90 % interval), beside the "
        "share that there was (grey tick)."
    )
    return Section("What following this would be worth", text, figures, columns=2)


def _estimates(title: str, unit: str, found: list[Estimate]) -> tuple[Figure, ...]:
    return (channel_figures.estimates(title, unit, found[:MOST_ROWS]),) if found else ()


def _several(tenants: list[Told[HowPattern]]) -> Section:
    found = [
        Estimate(one.tenant, 100 * lift.difference, 100 * lift.low, 100 * lift.high, 0.0)
        for one in tenants
        if (lift := one.pattern.multi_channel)
    ]
    figures = _estimates("Several channels less one", "percentage points", found)
    text = (
        "How much more often leads convert that were reached on several channels than leads alike in score and number "
        "of touches that were reached on one, with 90 % intervals. An association: nobody was held back from a second "
        "channel by lot."
    )
    return Section("Several channels or one", text, figures, columns=2)


def _credits(tenants: list[Told[HowPattern]]) -> Section:
    asked = [one for one in tenants if one.pattern.credits]
    figures = tuple(channel_figures.credits(one.tenant, one.pattern.credits) for one in asked[:MOST_CREDITS])
    text = (
        "Conversions credited to each channel by four rules. They describe the past and decide nothing: credit goes to "
        "what was used, and what was used went to the better leads. The pattern holds Shapley values too."
    )
    note = f"{len(figures)} of {len(asked)} tenants are drawn." if len(figures) < len(asked) else ""
    return Section("Attribution, for comparison only", text, figures, channel_figures.RULE_LEGEND, note)


def _truth(tenants: list[Told[HowPattern]]) -> tuple[tuple[str, str, str], ...]:
    return level_figures.PLANTED if any(one.simulated for one in tenants) else ()


def _caveats(record: ReportInput, tenants: list[Told[HowPattern]]) -> Iterator[str]:
    if tenants and not any(c.randomised for one in tenants for c in one.pattern.comparisons):
        yield (
            "Channels were chosen by people or by a rule, not by lot. Leads alike in score are compared; who was seen "
            "to be warm and therefore called still makes calls look better than they are."
        )
    clipped = max((value.clipped for one in tenants if (value := one.pattern.value)), default=0.0)
    if clipped:
        yield f"Of the weights behind what following this would be worth, up to {words.share(clipped, 1)} were cut off."
    yield levels.CALIBRATED
    yield from levels.unanswered(record, NAME)
