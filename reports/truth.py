"""Was a ruling right? Only a simulated world can say; real tenants have no planted truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from contracts.learning import Ruling
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.runs import Outcome
from reports import who, words
from reports.records import Planted, ReportInput, ranked

NEARER, SILENT = "nearer the truth", "rightly silent"


@dataclass(frozen=True, slots=True)
class Compared:
    """One simulated tenant's WHO: what was planted, what was learned, what was done, and whether that was right."""

    tenant: str
    planted: str
    true_weights: tuple[float, ...] | None
    learned_weights: tuple[float, ...] | None
    ruling: str
    judgement: str
    wrong: bool


def compare(record: ReportInput) -> list[Compared]:
    """Every simulated tenant of the run, in the order of the report; quarantined ones last."""
    rows = [
        _compared(outcome, planted, who.read(outcome, record.tenants[outcome.tenant_id]))
        for outcome in ranked(record.report)
        if outcome.learner == who.NAME and (planted := _planted(record, outcome.tenant_id))
    ]
    rows += [
        Compared(q.tenant, planted_in_words(p), _truth(p), None, words.QUARANTINED, "left out: its data is bad", False)
        for q in record.report.quarantined
        if (p := _planted(record, q.tenant_id))
    ]
    return rows


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
    nearer, silent = (sum(row.judgement.startswith(word) for row in rows) for word in (NEARER, SILENT))
    parts = [f"{words.plural(nearer, 'tenant')} got weights nearer the truth than the defaults"]
    if silent:
        parts.append(f"{words.count(silent)} with nothing to find got nothing")
    parts.append(
        "no claim was false" if not wrong else f"{words.plural(wrong, 'claim')} {'was' if wrong == 1 else 'were'} false"
    )
    return f"{words.listed(parts)}."


def _planted(record: ReportInput, tenant_id: UUID) -> Planted | None:
    tenants: Mapping[UUID, object] = record.tenants
    return record.tenants[tenant_id].planted if tenant_id in tenants else None


def _truth(planted: Planted) -> tuple[float, ...] | None:
    return DEFAULT_WEIGHTS if planted.kind == "incumbent" else planted.weights


def _compared(outcome: Outcome, planted: Planted, story: who.Story) -> Compared:
    judgement, wrong = _judge(outcome, planted, story)
    return Compared(
        outcome.tenant,
        planted_in_words(planted),
        _truth(planted),
        story.weights,
        words.RULINGS[outcome.ruling],
        judgement,
        wrong,
    )


def _judge(outcome: Outcome, planted: Planted, story: who.Story) -> tuple[str, bool]:
    """(judgement in words, whether it was a false claim)."""
    claims = outcome.ruling is Ruling.PUBLISH or outcome.version > 0
    if claims and planted.kind != "planted":
        return "false: there was nothing better to learn", True
    if claims:
        return _distances(story.weights, planted.weights)
    if planted.kind != "planted":
        return f"{SILENT}: nothing to find", False
    return ("rightly refused: too early" if planted.newcomer else "not yet: evidence too thin"), False


def _distances(learned: tuple[float, ...] | None, truth: tuple[float, ...] | None) -> tuple[str, bool]:
    """How far learned and default weights are from the truth; a claim that is no nearer than the defaults is false."""
    if learned is None or truth is None:
        return "published", False
    off, default_off = who.distance(learned, truth), who.distance(DEFAULT_WEIGHTS, truth)
    said = f"{words.decimal(off)} off, the defaults {words.decimal(default_off)}"
    return (f"{NEARER}: {said}", False) if off < default_off else (f"no nearer the truth: {said}", True)
