"""HOW's chapter of the page: which channel, which channel next, and what attribution would have said."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.how import HowPattern
from reports import level_figures, levels, words
from reports.chapter import Chapter, Section
from reports.levels import Told
from reports.records import ReportInput

NAME = "how"
MOST_TENANTS = 6
MOST_FLOWS = 6

RULES = ("last", "first", "linear", "markov")
SHAPES = (
    ("learned", "dot", "last touch"),
    ("hold", "", "first touch"),
    ("publish", "", "linear"),
    ("planted", "diamond", "Markov removal"),
)


def chapter(record: ReportInput) -> Chapter:
    """Tenants whose pattern is in force first, then those with most outcomes."""
    tenants = levels.told(record, NAME, HowPattern.from_payload)
    sections = (_channels(tenants), _flows(tenants), _credits(tenants))
    return Chapter(
        "How people are reached",
        "Which channel brings an outcome, given the touch and the channel before it?",
        tuple(section for section in sections if section.figures),
        tuple(_caveats(tenants)),
    )


def _channels(tenants: list[Told[HowPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.channels][:MOST_TENANTS]
    figures = tuple(
        level_figures.effects(
            one.tenant,
            one.pattern.channels,
            sorted(one.pattern.channels.levels, key=lambda level: -level.gain),
            levels.planted_gains(one.pattern.channels, one.effects),
        )
        for one in drawn
        if one.pattern.channels
    )
    legend = (("planted", "diamond", "planted truth"),) if any(one.simulated for one in drawn) else ()
    text = (
        "How much better or worse the odds of an outcome are by each channel than by today's mix of channels, among "
        "touches alike in score, touch number and previous channel; with 90 % intervals."
    )
    return Section("Channels", text, figures, legend)


def _flows(tenants: list[Told[HowPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.next_channel][:MOST_FLOWS]
    figures = tuple(
        level_figures.flow(one.tenant, one.pattern.next_channel) for one in drawn if one.pattern.next_channel
    )
    text = (
        "From the channel of one touch (left) to that of the next (right). The wider a way, the more often it was "
        "gone; its shade says how much better or worse than today's mix it does."
    )
    return Section("Which channel next", text, figures, level_figures.LEGEND)


def _credits(tenants: list[Told[HowPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.credits][:MOST_TENANTS]
    figures = tuple(
        level_figures.dots(
            one.tenant,
            [
                {"channel": credit.channel, "rule": rule, "credit": getattr(credit, rule)}
                for credit in one.pattern.credits
                for rule in RULES
            ],
            [credit.channel for credit in one.pattern.credits],
            RULES,
        )
        for one in drawn
    )
    text = (
        "Conversions credited to each channel by four rules. They describe the past and decide nothing: credit goes to "
        "what was used, and what was used went to the better leads. The pattern holds Shapley values too."
    )
    return Section("Attribution, for comparison only", text, figures, SHAPES)


def _caveats(tenants: list[Told[HowPattern]]) -> Iterator[str]:
    for one in tenants[:MOST_TENANTS]:
        lift, value = one.pattern.multi_channel, one.pattern.value
        if lift is not None:
            kind = "" if lift.randomised else ", an association: nobody was held back from a second channel by lot"
            yield (
                f"{one.tenant}: leads reached on several channels convert {100 * lift.difference:+.1f} points more "
                f"often than alike leads reached on one (90 %: {100 * lift.low:+.1f} to {100 * lift.high:+.1f}){kind}."
            )
        if value is not None:
            yield (
                f"{one.tenant}: had the recommendations been followed, {words.share(value.snips, 2)} of touches would "
                f"have brought an outcome instead of {words.share(value.logged, 2)} (90 %: "
                f"{words.share(value.low, 2)} to {words.share(value.high, 2)}; effective sample "
                f"{words.count(value.effective_n)}, {words.share(value.clipped, 1)} of weights clipped)."
            )
