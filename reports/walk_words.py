"""A walk-forward report in words: one sentence for people in a hurry, and tables for the UI."""

from __future__ import annotations

from collections.abc import Sequence

from reports import levels, words
from reports.walk_forward import WHO, Claim, Interval, Lifted, WalkReport, Worth, claims, kept, lifted, worth

HELD = {"yes": "held", "leans yes": "leans that way", "leans no": "leans the other way", "no": "did not hold"}
"""How the outcomes after a claim stand to it; without doubt where the 90 % interval leaves out zero."""

MANY = {"leans that way": "lean that way", "leans the other way": "lean the other way"}


def summary(report: WalkReport) -> str:
    """What ran, and what became of the claims."""
    steps = len({step.as_of for step in report.walked})
    ran = f"{report.ran:,} of {report.slices:,} slices ran" if report.ran else "Nothing had to run"
    told = f"{ran}; {words.plural(steps, 'step')} of {words.plural(report.tenants, 'tenant')} are done."
    return f"{told} {claims_in_words(claims(report))}"


def claims_in_words(found: Sequence[Claim]) -> str:
    """`Of 14 claims that met later outcomes, 9 held, …`"""
    if not found:
        return "No claim has met later outcomes yet."
    counts = {word: sum(claim.held == held for claim in found) for held, word in HELD.items()}
    parts = [f"{number} {word if number == 1 else MANY.get(word, word)}" for word, number in counts.items() if number]
    return f"Of {words.plural(len(found), 'claim')} that met later outcomes, {words.listed(parts)}."


def claim_in_words(claim: Claim) -> str:
    """`hour: Tuesday 10:00`; of WHO that its weights rank better than what they replaced."""
    return "weights rank better" if claim.learner == WHO else levels.answer(claim.name, claim.key)


def gain(claim: Claim, value: float) -> str:
    """A gain in the unit of its learner: a change of the odds, or a difference of AUC."""
    return f"{words.signed(value)} AUC" if claim.learner == WHO else words.change(value)


def gain_between(claim: Claim, interval: Interval) -> str:
    """`+12 % (−3 % to +29 %)`; of WHO `+0.021 (+0.004 to +0.038) AUC`."""
    if claim.learner == WHO:
        value, low, high = (words.signed(number) for number in (interval.value, interval.low, interval.high))
        return f"{value} ({low} to {high}) AUC"
    value, low, high = (words.change(number) for number in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def more(interval: Interval) -> str:
    """`+3.1 (+0.4 to +5.8)`."""
    return f"{interval.value:+.1f} ({interval.low:+.1f} to {interval.high:+.1f})"


def worth_in_words(one: Worth) -> str:
    """What a value is of."""
    what = levels.question(one.what) if one.estimate == "association" else "next channel, as logged"
    return f"{what} ({one.estimate})"


def markdown(report: WalkReport) -> str:
    """The report as an artifact of the run."""
    parts = [f"# Walk-forward, {words.day(report.began)} to {words.day(report.until)}", summary(report)]
    parts += _table("What was claimed, and what came", ("Tenant", "Claim", "Said", "Came", ""), _claims(claims(report)))
    rows = [
        (f"{words.share(one.low)}–{words.share(one.high)}", words.count(one.weeks), words.share(one.expected),
         f"{words.share(one.observed.value)} ({words.share(one.observed.low)} to {words.share(one.observed.high)})")
        for one in kept(report)
    ]  # fmt: skip
    parts += _table("Signs of single weeks", ("Confidence", "Weeks", "Right if as claimed", "Right"), rows)
    parts += _table("Leads: conversions in the top fifth", ("Tenant", "Learned", "Defaults", "More"), _lifts(report))
    values = [
        (worth_in_words(one), words.count(one.touches), f"{one.done:.1f}", more(one.more)) for one in worth(report)
    ]
    parts += _table("Had it been followed: outcomes per 1,000 touches", ("Question", "Touches", "Done", "More"), values)
    return "\n\n".join(parts) + "\n"


def _claims(found: Sequence[Claim]) -> list[tuple[str, ...]]:
    return [
        (one.tenant, claim_in_words(one), gain(one, one.said.value), gain_between(one, one.happened), HELD[one.held])
        for one in found
    ]


def _lifts(report: WalkReport) -> list[tuple[str, ...]]:
    def row(one: Lifted) -> tuple[str, ...]:
        return one.tenant, words.count(one.learned), words.count(one.default), more(one.more)

    return [row(one) for one in lifted(report)]


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [f"## {title}", "\n".join(lines)]
