"""Pictures of a walk-forward report: what was claimed beside what came, over time, by confidence, by promise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from reports import walk_words, words
from reports.charts import LIGHT, ROW, WIDER, WIDTH, Drawing, Figure, colours, data, reference_line
from reports.walk_forward import WHO, Claim, Kept, Period, Promise

MOST_CLAIMS = 30
"""Claims that are drawn, those that met most; the table has all."""

WIDE = WIDTH + 120
TALL = WIDTH - 60

SAID, CAME = "claimed", "what came"
SERIES = colours([SAID, CAME], ["default", "learned"])

TICKS = (-0.9, -0.75, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 9.0)
AS_ODDS = alt.Axis(
    labelExpr="format(exp(datum.value) - 1, '+.0%')",
    values=[math.log1p(tick) for tick in TICKS],
    labelOverlap="greedy",
    grid=True,
)
"""Log-odds, written as changes of the odds."""

NAMES = 330
"""Most pixels of a claim's name beside its row."""
NAMED = alt.Axis(labelLimit=NAMES, minExtent=WIDER * NAMES + 12, ticks=False, domain=False)

MOST_GAIN = 1.6
"""Log-odds at the edge of the picture: five times the odds, or a fifth; what lies beyond is drawn there."""


def figures(
    claims: Sequence[Claim], periods: Sequence[Period], kept: Sequence[Kept], promises: Sequence[Promise]
) -> dict[str, Figure]:
    """Pictures by name; those that would be empty are left out."""
    of_levels = [claim for claim in claims if claim.learner != WHO]
    drawn = {
        "claims": beside(of_levels) if of_levels else None,
        "time": over_time(periods) if len(periods) > 1 else None,
        "confidence": by_confidence(kept) if kept else None,
        "promises": by_promise(promises) if promises else None,
    }
    return {name: figure for name, figure in drawn.items() if figure}


def beside(claims: Sequence[Claim]) -> Figure:
    """A row a claim: the gain that was claimed and the one that came, each with its interval."""
    most = sorted(claims, key=lambda claim: claim.happened.high - claim.happened.low)[:MOST_CLAIMS]
    order = [_row_name(claim) for claim in sorted(most, key=lambda claim: -claim.said.value)]
    rows = [
        {"claim": _row_name(claim), "series": series, "gain": it.value, "low": it.low, "high": it.high}
        for claim in most
        for series, it in ((SAID, claim.said), (CAME, claim.happened))
    ]
    ends = [end for claim in most for it in (claim.said, claim.happened) for end in (it.low, it.high)]
    limit = min(MOST_GAIN, max(0.2, *map(abs, ends)))
    scale = alt.Scale(domain=[-limit, limit], nice=False, clamp=True)
    title = "change of the odds of an outcome against the mix"
    x, low = (alt.X(f"{name}:Q", title=title, scale=scale, axis=AS_ODDS) for name in ("gain", "low"))
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("claim:N", sort=order, title=None, axis=NAMED),
        yOffset=alt.YOffset("series:N", sort=[SAID, CAME]),
        color=_series(),
    )
    bars = base.mark_rule(strokeWidth=2).encode(x=low, x2="high:Q")
    chart = alt.layer(reference_line(x, 0.0), bars, base.mark_point(filled=True, size=60, opacity=1).encode(x=x))
    said = "; ".join(
        f"{_row_name(claim)}: claimed {words.change(claim.said.value)}, came {words.change(claim.happened.value)}"
        for claim in most
    )
    sized: Drawing = chart.properties(width=2 * WIDTH - 40, height=1.3 * ROW * len(order))
    return Figure("Every claim beside what came after it", f"Claimed and later gains: {said}.", sized)


def over_time(periods: Sequence[Period]) -> Figure:
    """All claims in force together, period by period: what they said on average, and what came."""
    rows = [
        {
            "until": f"{period.until:%Y-%m-%d}",
            "said": period.said,
            "came": period.happened.value,
            "low": period.happened.low,
            "high": period.happened.high,
        }
        for period in periods
    ]
    x = alt.X("until:T", title=None, axis=alt.Axis(grid=False, format="%b %Y", tickCount=6, labelAngle=0))
    y = alt.Y("came:Q", title="change of the odds", axis=AS_ODDS)
    base = alt.Chart(data(rows))
    zero = alt.Chart(data([{"came": 0.0}])).mark_rule(color=LIGHT["muted"], strokeDash=[3, 3]).encode(y=y)
    band = base.mark_rule(color=LIGHT["learned"], strokeWidth=2).encode(x=x, y="low:Q", y2="high:Q")
    came = base.mark_point(color=LIGHT["learned"], filled=True, size=60, opacity=1).encode(x=x, y=y)
    said = base.mark_line(color=LIGHT["default"], strokeWidth=2).encode(x=x, y="said:Q")
    told = "; ".join(
        f"until {words.day(p.until)} claimed {words.change(p.said)}, came {words.change(p.happened.value)}"
        for p in periods
    )
    chart: Drawing = alt.layer(zero, said, band, came).properties(width=WIDE, height=TALL)
    return Figure("Claimed and what came, over time", f"All claims in force together: {told}.", chart)


def by_confidence(kept: Sequence[Kept]) -> Figure:
    """How often a single week showed the claimed sign, beside how often it should if claims are right."""
    rows = [
        {
            "bin": f"{words.share(one.low)}–{words.share(one.high)}",
            "expected": one.expected,
            "observed": one.observed.value,
            "low": one.observed.low,
            "high": one.observed.high,
        }
        for one in kept
    ]
    return _points(
        rows,
        "confidence of the claim",
        "weeks with the claimed sign",
        Figure(
            "Single weeks that showed the claimed sign",
            "Share of weeks with the claimed sign by confidence: "
            + "; ".join(f"{row['bin']} expected {row['expected']:.0%}, observed {row['observed']:.0%}" for row in rows),
            alt.Chart(),
        ),
    )


def by_promise(promises: Sequence[Promise]) -> Figure:
    """WHO: the probability that was promised beside the share that converted."""
    rows = [
        {
            "bin": words.share(one.promised, 1),
            "expected": one.promised,
            "observed": one.happened.value,
            "low": one.happened.low,
            "high": one.happened.high,
        }
        for one in promises
    ]
    return _points(
        rows,
        "probability promised, mean of each bin",
        "share of leads that converted",
        Figure(
            "Promised and converted",
            "Share of leads that converted by promised probability: "
            + "; ".join(f"promised {row['bin']}, converted {row['observed']:.1%}" for row in rows),
            alt.Chart(),
        ),
    )


def _points(rows: Sequence[Mapping[str, Any]], across: str, up: str, about: Figure) -> Figure:
    """Bins from left to right: a tick for what was to be expected, a dot with its interval for what was observed."""
    order = [row["bin"] for row in rows]
    high = max(max(row["high"], row["expected"]) for row in rows)
    low = min(min(row["low"], row["expected"]) for row in rows)
    x = alt.X("bin:N", sort=order, title=across, axis=alt.Axis(labelAngle=0, grid=False))
    scale = alt.Scale(domain=[max(0.0, math.floor(10 * low) / 10), min(1.0, high * 1.1)])
    y = alt.Y("observed:Q", title=up, scale=scale, axis=alt.Axis(format="%", tickCount=5, grid=True))
    base = alt.Chart(data(rows)).encode(x=x)
    expected = base.mark_tick(color=LIGHT["default"], thickness=4, width=34).encode(y=alt.Y("expected:Q", scale=scale))
    bars = base.mark_rule(color=LIGHT["learned"], strokeWidth=2).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    dots = base.mark_point(color=LIGHT["learned"], filled=True, size=70, opacity=1).encode(y=y)
    chart: Drawing = alt.layer(expected, bars, dots).properties(width=WIDE, height=TALL)
    return Figure(about.title, f"{about.alt}.", chart)


def _row_name(claim: Claim) -> str:
    return f"{claim.tenant}: {walk_words.claim_in_words(claim)}"


def _series() -> alt.Color:
    return alt.Color("series:N", scale=SERIES, legend=None)
