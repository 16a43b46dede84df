"""How numbers, rulings and reasons read in every report. A missing or undefined number is a dash, never NaN."""

from __future__ import annotations

import math
from calendar import month_name
from collections.abc import Iterable
from datetime import datetime

from contracts.defects import CATALOGUE
from contracts.learning import Ruling
from contracts.outcomes import COMPONENTS
from contracts.refusal import Reason, Refusal
from contracts.runs import LearningReport, Outcome

DASH = "–"

SAMPLES = {"who": "resolved leads"}
"""What a learner's sample consists of, where that is not touches at risk."""
NO_BREAK = "\u00a0"
"""A number and its unit stay on one line."""

RULINGS = {Ruling.PUBLISH: "published", Ruling.HOLD: "held", Ruling.REFUSE: "refused"}
QUARANTINED = "quarantined"

COMPONENT_NAMES = {name: name.replace("_", " ").capitalize() for name in COMPONENTS}

REASONS = {
    Reason.TOO_FEW_OUTCOMES: "too few outcomes to learn from",
    Reason.NO_VARIATION: "nothing differs between its leads, so nothing can be compared",
    Reason.SYNTHETIC_TIME: "its times are ordinal stand-ins, so nothing about time can be learned",
    Reason.NO_LOCAL_TIME: "no lead's time zone is known",
    Reason.NO_TEMPLATES: "no two distinct texts that could be told apart",
    Reason.NO_PROPENSITY: "the policy's probabilities were not logged",
    Reason.TOO_FEW_EFFECTIVE: "the log tells too little about this policy",
    Reason.QUARANTINED: "its data failed the checks",
    Reason.TOO_FEW_FOLDS: "too few later periods with outcomes to judge it on",
    Reason.NOT_BETTER: "not shown to be better than what is in force",
    Reason.WORSE_LIFT: "ranks better overall, but worse among the top fifth",
    Reason.CONTRADICTED: "the newest weeks say otherwise",
    Reason.CONFIRMED: "what is in force holds up on the new data too",
    Reason.UNCHANGED: "nothing new: same data, settings, code and priors as the version in force",
    Reason.OLDER_THAN_HEAD: "the version in force was learned from later data",
    Reason.ROLLED_BACK: "this very version was taken back, and nothing new is known since",
    Reason.HEAD_MOVED: "the head was moved while the run was judging: the next run judges anew",
    Reason.DRY_RUN: "dry run: it would have been published",
    Reason.NO_PATTERN: "nothing has been published, so the defaults decide",
    Reason.EXPIRED: "the published pattern has expired, so the defaults decide",
    Reason.INVALID_PATTERN: "the published pattern cannot be read, so the defaults decide",
    Reason.NOT_CLAIMED: "the published pattern claims nothing about this, so the defaults decide",
    Reason.PAUSED: "the tenant asked for quiet",
    Reason.OPTED_OUT: "the person asked not to be contacted",
    Reason.MAX_TOUCHES: "the lead has had as many touches as its tenant allows",
    Reason.NO_FEASIBLE: "limits leave no channel, or no hour",
    Reason.NO_KEY: "no key for Claude is set",
    Reason.UNAVAILABLE: "Claude could not be reached",
    Reason.INVALID_REPLY: "the reply broke its contract, and so did its repair",
    Reason.DECLINED: "the model declined to answer, or stopped early",
    Reason.REJECTED: "the reply breaks the rules that engines keep",
}
"""Every reason code in words; each continues "held: …" or "refused: …". docs/reference/reasons.md explains them."""

_AS_SHARE = {Reason.NOT_BETTER, Reason.CONFIRMED, Reason.CONTRADICTED}  # got and wanted are probabilities
_WITHOUT_NUMBERS = {
    Reason.OLDER_THAN_HEAD,
    Reason.ROLLED_BACK,
    Reason.HEAD_MOVED,
    Reason.DRY_RUN,
    Reason.UNCHANGED,
    Reason.QUARANTINED,
}


def finite(value: float | None) -> bool:
    """Whether there is a number to print or draw."""
    return value is not None and math.isfinite(value)


def count(value: float | None) -> str:
    """1234567 → 1,234,567."""
    return f"{value:,.0f}" if value is not None and math.isfinite(value) else DASH


def share(value: float | None, digits: int = 0) -> str:
    """0.0512 → 5 % (or 5.1 % with one digit)."""
    return f"{100 * value:.{digits}f}{NO_BREAK}%" if value is not None and math.isfinite(value) else DASH


def sureness(probability: float | None) -> str:
    """A confidence in percent; never 100 %, since nothing here is certain."""
    if probability is None or not math.isfinite(probability):
        return DASH
    return (
        f">{NO_BREAK}99{NO_BREAK}%"
        if probability > 0.99
        else f"<{NO_BREAK}1{NO_BREAK}%"
        if probability < 0.01
        else share(probability)
    )


def decimal(value: float | None, digits: int = 2) -> str:
    """0.6512 → 0.65; minus zero is zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}" if value is not None and math.isfinite(value) else DASH


def signed(value: float | None, digits: int = 3) -> str:
    """0.0213 → +0.021."""
    return f"{round(value, digits) + 0.0:+.{digits}f}" if value is not None and math.isfinite(value) else DASH


def change(log_odds: float | None) -> str:
    """Log-odds as a change of the odds: 0.31 → +36 %; minus zero is plus zero."""
    return f"{round(100 * math.expm1(log_odds)):+d}{NO_BREAK}%" if log_odds is not None and finite(log_odds) else DASH


def duration(seconds: float | None) -> str:
    """12.34 → 12.3 s; 125 → 2 min 5 s."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if seconds >= 100 else f"{seconds:.1f} s"


def day(moment: datetime) -> str:
    """21 November 2026, in English on every machine."""
    return f"{moment.day} {month_name[moment.month]} {moment.year}"


def plain(name: str) -> str:
    """employee_band → employee band."""
    return name.replace("_", " ")


def plural(number: int, one: str, many: str | None = None) -> str:
    """(1, "tenant") → 1 tenant; (2, "tenant") → 2 tenants."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def opening(text: str, most: int = 120) -> str:
    """The first clauses of a text that would not fit; all of one that does."""
    if len(text) <= most:
        return text
    cut = max(text.rfind(mark, 0, most) for mark in (" · ", ", ", " "))
    return f"{text[: cut if cut > 0 else most].rstrip()} …"


def listed(items: Iterable[str]) -> str:
    """["a", "b", "c"] → a, b and c."""
    parts = list(items)
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def because(outcome: Outcome, refusal: Refusal | None = None) -> str:
    """Why an outcome was not published, in words, with the number that decided where it is known; '' if published."""
    if outcome.ruling is Ruling.PUBLISH or not outcome.reason:
        return ""
    reason = Reason(outcome.reason)
    number = decided(reason, refusal.got, refusal.wanted) if refusal and refusal.reason is reason else ""
    repeated = outcome.detail == str(refusal) if number else reason in _WITHOUT_NUMBERS
    detail = "" if repeated else outcome.detail.removeprefix(f"{reason}: ")
    tail = "; ".join(part for part in (number, detail) if part)
    return f"{REASONS[reason]} ({tail})" if tail else REASONS[reason]


def briefly(outcome: Outcome, refusal: Refusal | None = None) -> str:
    """The same beside its confidence: a number that repeats it is left out."""
    if outcome.reason and Reason(outcome.reason) in _AS_SHARE:
        return REASONS[Reason(outcome.reason)]
    return because(outcome, refusal)


def sample(outcome: Outcome) -> str:
    """What an outcome rests on: `1,281 outcomes of 56,166 touches`; '' where nothing was learned."""
    if not outcome.sample_size:
        return ""
    of = sampled(outcome.learner)
    return f"{plural(outcome.outcomes, 'outcome')} of {count(outcome.sample_size)} {of}"


def sampled(learner: str) -> str:
    """What a learner's sample size counts."""
    return SAMPLES.get(learner, "touches")


def decided(reason: Reason, got: float | None, wanted: float | None) -> str:
    """The number that decided, beside the one that was wanted; '' where the reason alone says it all."""
    if reason in _WITHOUT_NUMBERS or got is None or wanted is None or not (finite(got) and finite(wanted)):
        return ""
    if reason in _AS_SHARE:
        return f"confidence {sureness(got)}, wanted {share(wanted)}"
    return f"{got:,.3g}, wanted {wanted:,.3g}"


def defect(code: str) -> str:
    """A defect's code → what is wrong with the rows that it counts ("have no channel, …"), or the code itself."""
    known = CATALOGUE.get(code)
    return known.sentence.split(":")[0] if known else plain(code)


def result(report: LearningReport) -> str:
    """The run in one sentence."""
    tenants = {outcome.tenant_id for outcome in report.outcomes} | {left.tenant_id for left in report.quarantined}
    if not tenants:
        return "There was no tenant to learn for."
    several = len({outcome.learner for outcome in report.outcomes}) > 1
    published, held, refused = (report.count(ruling) for ruling in Ruling)
    would = sum(outcome.reason == Reason.DRY_RUN for outcome in report.outcomes)
    said = [
        (published, "new patterns are in force" if several else "got a new pattern"),
        (would, "would have been published" if several else "would have got a new pattern"),
        (held - would, "stay as they were" if several else "keep what they had"),
        (refused, "have too little to go on"),
    ]
    parts = [f"{count(number)} {what}" for number, what in said if number]
    if not published + would:
        parts.insert(0, "nothing new is in force" if several else "none got a new pattern")
    left = len(report.quarantined)
    if left:
        parts.append(f"{count(left)} {'was' if left == 1 else 'were'} left out for bad data")
    opening = f"Of {len(tenants)} tenants, " if len(tenants) > 1 else "1 tenant: "
    if several:
        questions = len({outcome.learner for outcome in report.outcomes})
        opening = f"{plural(len(tenants), 'tenant')}, {questions} questions{' each' if len(tenants) > 1 else ''}: "
    return f"{opening}{listed(_singular(part) for part in parts)}."


def _singular(part: str) -> str:
    """ "1 keep what they had" → "1 keeps what it had"."""
    if not part.startswith("1 "):
        return part
    for many, one in (
        ("patterns are", "pattern is"),
        ("keep what they", "keeps what it"),
        ("stay as they were", "stays as it was"),
        ("have too", "has too"),
    ):
        part = part.replace(many, one)
    return part


def weights(values: Iterable[float] | None) -> str:
    """(.2, .25, .25, .15, .15) → 20 · 25 · 25 · 15 · 15."""
    return " · ".join(count(100 * value) for value in values) if values else DASH
