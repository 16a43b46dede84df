"""Was a ruling right? Only a simulated world can say; real tenants have no planted truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.how import HowPattern
from contracts.learning import Ruling
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.runs import Outcome
from contracts.what import WhatPattern
from contracts.when import WhenPattern
from reports import levels, planted, who, words
from reports.planted import Claim
from reports.records import Planted, ReportInput, ranked

READERS: dict[str, Callable[[Mapping[str, Any]], levels.Compares]] = {
    "what": WhatPattern.from_payload,
    "when": WhenPattern.from_payload,
    "how": HowPattern.from_payload,
}

NEARER, SILENT = "nearer the truth", "rightly silent"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a ruling was right, in full and in the two or three words that a terminal has room for.

    wrong: it was a false claim.
    """

    full: str
    short: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """One simulated tenant's WHO: what was planted, what was learned, what was done, and whether that was right."""

    tenant: str
    planted: str
    true_weights: tuple[float, ...] | None
    learned_weights: tuple[float, ...] | None
    ruling: str
    judgement: Judgement

    @property
    def wrong(self) -> bool:
        return self.judgement.wrong


LEFT_OUT = Judgement("left out: its data is bad", "bad data")


def compare(record: ReportInput) -> list[Compared]:
    """Every simulated tenant of the run, in the order of the report; quarantined ones last."""
    rows = [
        _compared(outcome, planted, who.read(outcome, record.tenants[outcome.tenant_id]))
        for outcome in ranked(record.report)
        if outcome.learner == who.NAME and (planted := _planted(record, outcome.tenant_id))
    ]
    rows += [
        Compared(q.tenant, planted_in_words(p), _truth(p), None, words.QUARANTINED, LEFT_OUT)
        for q in record.report.quarantined
        if (p := _planted(record, q.tenant_id))
    ]
    return rows


def claims(record: ReportInput) -> list[Claim]:
    """Every claim of WHAT, WHEN and HOW that is in force for a simulated tenant, beside what was planted.

    False ones come first: where a table is cut, they stay.
    """
    found = [claim for name, read in READERS.items() for claim in planted.claims(name, levels.told(record, name, read))]
    return sorted(found, key=lambda claim: claim.right)


def claims_in_words(found: list[Claim]) -> str:
    """The claims in one sentence."""
    if not found:
        return "Nothing is claimed about texts, hours or channels."
    wrong = sum(not claim.right for claim in found)
    are = "claim is" if len(found) == 1 else "claims are"
    judged = f"{words.count(wrong)} {'is' if wrong == 1 else 'are'} false" if wrong else "none is false"
    return f"About texts, hours and channels {words.count(len(found))} {are} in force, and {judged}."


def planted_in_words(planted: Planted) -> str:
    """What a tenant's world holds."""
    if planted.newcomer:
        return "own weights, joined lately"
    return {
        "planted": "own weights",
        "no_signal": "nothing: no component matters",
        "incumbent": "the defaults are the truth",
    }[planted.kind]


def in_words(rows: list[Compared]) -> str:
    """The comparison in one sentence."""
    wrong = sum(row.wrong for row in rows)
    nearer, silent = (sum(row.judgement.full.startswith(word) for row in rows) for word in (NEARER, SILENT))
    parts = [f"{words.plural(nearer, 'tenant')} got weights nearer the truth than the defaults"]
    if silent:
        parts.append(f"{words.count(silent)} with nothing to find got nothing")
    parts.append(
        f"{words.plural(wrong, 'claim')} about weights {'was' if wrong == 1 else 'were'} false"
        if wrong
        else "no claim about weights was false"
    )
    return f"{words.listed(parts)}."


def _planted(record: ReportInput, tenant_id: UUID) -> Planted | None:
    tenants: Mapping[UUID, object] = record.tenants
    return record.tenants[tenant_id].planted if tenant_id in tenants else None


def _truth(planted: Planted) -> tuple[float, ...] | None:
    return DEFAULT_WEIGHTS if planted.kind == "incumbent" else planted.weights


def _compared(outcome: Outcome, planted: Planted, story: who.Story) -> Compared:
    return Compared(
        outcome.tenant,
        planted_in_words(planted),
        _truth(planted),
        story.weights,
        words.RULINGS[outcome.ruling],
        _judge(outcome, planted, story),
    )


def _judge(outcome: Outcome, planted: Planted, story: who.Story) -> Judgement:
    claims = outcome.ruling is Ruling.PUBLISH or outcome.version > 0
    if claims and planted.kind != "planted":
        return Judgement("false: there was nothing better to learn", "false claim", wrong=True)
    if claims:
        return _distances(story.weights, planted.weights)
    if planted.kind != "planted":
        return Judgement(f"{SILENT}: nothing to find", SILENT)
    if planted.newcomer:
        return Judgement("rightly refused: too early", "too early")
    return Judgement("not yet: evidence too thin", "not yet")


def _distances(learned: tuple[float, ...] | None, truth: tuple[float, ...] | None) -> Judgement:
    """How far learned and default weights are from the truth; a claim that is no nearer than the defaults is false."""
    if learned is None or truth is None:
        return Judgement("published", "published")
    off, default_off = who.distance(learned, truth), who.distance(DEFAULT_WEIGHTS, truth)
    said = f"{words.decimal(off)} off, the defaults {words.decimal(default_off)}"
    moved = "→".join(words.decimal(distance).removeprefix("0") for distance in (default_off, off))
    if off < default_off:
        return Judgement(f"{NEARER}: {said}", f"nearer {moved}")
    return Judgement(f"no nearer the truth: {said}", f"no nearer {moved}", wrong=True)
