"""Made-up runs with realistic numbers: an agency of named tenants, and one of any size."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from contracts.learning import Evidence, Finding, Incumbent, Ruling, Verdict
from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS
from contracts.refusal import Reason, Refusal
from contracts.runs import LearningReport, Outcome, Quarantined
from contracts.who import Level, WhoPattern
from reports.records import Planted, Quality, ReportInput, Said, Tenant

AS_OF = datetime(2026, 11, 15, 2, tzinfo=UTC)
AGENCY = np.array([0.10, 0.35, 0.20, 0.30, 0.05])
NAMES = (
    "Northwind Dental", "Harbour & Sons", "Lumen Analytics", "Brightside Solar", "Kestrel Logistics", "Olive Legal",
    "Pinewood Clinics", "Quarry Street Capital", "Tidewater Cloud", "Vela Robotics", "Foxglove Studio", "Ember Coffee",
)  # fmt: skip
QUESTIONS = {"who": "Who converts?"}


def agency(tenants: int = 12, seed: int = 7) -> ReportInput:
    """Tenants of Zipf sizes: two flat, one newcomer refused, one quarantined, the larger ones published."""
    rng = np.random.default_rng(seed)
    sizes = 60_000 / np.arange(1, tenants + 1) / sum(1 / np.arange(1, tenants + 1))
    outcomes: list[Outcome] = []
    quarantined: list[Quarantined] = []
    details: dict[UUID, Tenant] = {}
    for index, size in enumerate(sizes.astype(int)):
        name = NAMES[index] if index < len(NAMES) else f"Tenant {index + 1:03d}"
        tenant_id = UUID(int=index + 1)
        details[tenant_id], outcome = _tenant(rng, tenant_id, name, index, int(size), last=index == tenants - 1)
        if index == 4:
            reason = "7.2 % of touches have no channel, or one that is not in the contract (at most 5 % is tolerated)"
            quarantined.append(Quarantined(tenant_id, name, "channel_unknown", reason, 0.072, 0.05))
        else:
            outcomes.append(outcome)
    report = LearningReport(
        run_id=UUID(int=2**100 + 77),
        as_of=AS_OF,
        dry_run=False,
        outcomes=tuple(outcomes),
        quarantined=tuple(quarantined),
        rows={"tenants": tenants, "leads": int(sizes.sum()), "touches": 402_118},
        dropped={"channel_unknown": 3_412, "occurred_in_future": 214, "time_zone_unknown": 96, "touch_before_lead": 31},
        seconds={"extract": 3.4, "check": 2.2, "summarise": 1.1, "learn": 2.7, "judge": 5.9, "publish": 0.4},
    )
    return ReportInput(
        report,
        details,
        title="Meridian Outreach",
        run_url="http://127.0.0.1:4321/runs/flow-run/0195",
        settings={"database": "embedded", "lake": ".learnback/lake", "groups": "8", "seed": "0"},
        questions=QUESTIONS,
        code_version="3f9a1c20b7de",
    )


def _tenant(
    rng: np.random.Generator, tenant_id: UUID, name: str, index: int, leads: int, *, last: bool
) -> tuple[Tenant, Outcome]:
    kind = "no_signal" if index == 3 else "incumbent" if index == 7 else "planted"
    truth = tuple(rng.dirichlet(12 * AGENCY).tolist())
    weights = {"no_signal": None, "incumbent": DEFAULT_WEIGHTS, "planted": truth}[kind]
    rate, sample = rng.uniform(0.04, 0.07), min(leads, 2_000)
    conversions = 3 if last else max(4, int(sample * rate))
    planted = Planted(kind, weights, newcomer=last)  # type: ignore[arg-type]
    outcome = Outcome(
        tenant_id, name, "who", Ruling.REFUSE, Reason.TOO_FEW_OUTCOMES, "", None, sample, conversions, 0, ""
    )
    if conversions < 10:
        refusal = Refusal(Reason.TOO_FEW_OUTCOMES, conversions, 10)
        said = Said(refusal, Verdict(Ruling.REFUSE, refusal=refusal))
    else:
        finding = _finding(rng, truth, conversions, sample)
        sure = 0.3 + 0.4 * rng.random() if kind != "planted" else 1 / (1 + math.exp(-(conversions - 62) / 14))
        verdict = _verdict(rng, sure, conversions)
        said = Said(finding, verdict, Incumbent(0, None))
        told = sorted(zip(COMPONENTS, finding.payload["weights"], strict=True), key=lambda pair: -pair[1])
        explained = ", ".join(f"{one.replace('_', ' ')} {weight:.0%}" for one, weight in told)
        version = int(verdict.ruling is Ruling.PUBLISH)
        outcome = replace(
            outcome, ruling=verdict.ruling, reason=verdict.reason or "", confidence=sure, version=version,
            explained=explained,
        )  # fmt: skip
    wrong = 3_412 if index == 4 else int(rng.integers(0, 40))
    quality = Quality(leads, leads * 6, {"channel_unknown": wrong, "time_zone_unknown": 8} if wrong else {})
    return Tenant(name, leads, int(leads * rate), {"who": said}, quality, planted), outcome


def _finding(rng: np.random.Generator, truth: tuple[float, ...], conversions: int, sample: int) -> Finding:
    near = np.array(truth) * 0.8 + AGENCY * 0.2 + rng.normal(0, 0.6 / math.sqrt(conversions), 5)
    learned = np.clip(near, 0.01, None)
    learned /= learned.sum()
    rate = conversions / max(sample, conversions)
    levels = [
        Level(dimension, level, n, round(n * rate * factor), min(1.0, rate * factor), abs(factor - 1) > 0.3)
        for dimension, level, n, factor in (
            ("title", "cfo", 312, 1.62), ("title", "intern", 120, 0.55), ("industry", "logistics", 498, 1.38),
            ("source", "referral", 251, 1.9), ("source", "list", 760, 0.82), ("country", "de", 340, 1.08),
            ("employee_band", "51–200", 402, 1.12), ("employee_band", "over 1000", 77, 0.9),
            ("industry", "retail", 233, 0.97),
        )
    ]  # fmt: skip
    pattern = WhoPattern(
        tuple(learned.tolist()), (0.5,) * 5, tuple(np.linspace(30, 70, 9).tolist()), -5.1, 5.6, tuple(levels)
    )
    return Finding(pattern.to_payload(), Evidence(sample, conversions), "0" * 64, {"conversion_rate": rate})


def _verdict(rng: np.random.Generator, sure: float, conversions: int) -> Verdict:
    spread = 0.24 / math.sqrt(conversions)
    mean = spread * 1.2 * math.log(sure / (1 - sure)) / 1.7
    lift, wide = 1.55 + 6 * mean + rng.normal(0, 0.05), 2.4 / math.sqrt(conversions)
    folds: list[dict[str, Any]] = []
    for quarter in range(4):
        before = 0.64 + rng.normal(0, 0.01)
        gained = mean + rng.normal(0, spread)
        folds.append(
            {
                "begins": (AS_OF - timedelta(days=90 * (4 - quarter))).isoformat(), "leads": 500,
                "conversions": conversions // 4, "auc": before + gained, "auc_in_force": before,
                "lift20": lift + rng.normal(0, 0.1), "lift20_in_force": 1.55 + rng.normal(0, 0.05),
            }
        )  # fmt: skip
    promised = np.array([0.02, 0.03, 0.045, 0.065, 0.11])
    judged_on = {
        "auc_difference": mean,
        "auc_difference_ci90": [mean - 1.645 * spread, mean + 1.645 * spread],
        "lift20": lift,
        "lift20_ci90": [lift - wide, lift + wide],
        "folds": folds,
        "calibration": [
            {"predicted": float(p), "observed": float(rng.binomial(900, p) / 900), "n": 900} for p in promised
        ],
        "ceiling": {"auc": 0.66, "auc_of_trees": 0.66 + abs(rng.normal(0, 0.03))},
    }
    if sure >= 0.9:
        return Verdict(Ruling.PUBLISH, sure, judged_on=judged_on)
    return Verdict(Ruling.HOLD, sure, Refusal(Reason.NOT_BETTER, sure, 0.9), judged_on=judged_on)
