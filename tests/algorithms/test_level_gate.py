"""Which evidence moves a head, and which leaves it standing? A readable table, then the edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from algorithms.level_gate import COMPARISONS, described, judge_levels, rule
from contracts.errors import InvalidPatternError
from contracts.learning import Evidence, Finding, Incumbent, Payload, Ruling, Verdict
from contracts.levels import CLAIMED_AT, Comparison, Level, Recommendation
from contracts.refusal import Reason, Refusal

TENANT = UUID(int=7)


def comparison(name: str, top: str, p_better: Mapping[str, float], *, vetoed: bool = False) -> Comparison:
    """A comparison of levels a, b, c that recommends `top`; p_better is what is said of each level."""
    confidence = p_better[top]
    return Comparison(
        name=name,
        sample_size=900,
        outcomes=90,
        rate=0.1,
        confidence=confidence,
        claimed=confidence >= CLAIMED_AT and not vetoed,
        randomised=False,
        recommendation=Recommendation(top, 0.3, 0.1, 0.5, 0.13),
        levels=tuple(Level(key, 300, 30, 1 / 3, 0.0, 0.1, p_better.get(key, 0.2), 1 / 3) for key in "abc"),
    )


def payload(*comparisons: Comparison) -> dict[str, Any]:
    return {"comparisons": [one.to_payload() for one in comparisons]}


def read(stored: Payload) -> Sequence[Comparison]:
    if "comparisons" not in stored:
        raise InvalidPatternError("no comparisons")
    return [Comparison.from_payload(one) for one in stored["comparisons"]]


def finding(*comparisons: Comparison, told: Mapping[str, Any] | None = None, sha: str = "new") -> Finding:
    return Finding(payload(*comparisons), Evidence(900, 90), sha, {COMPARISONS: dict(told or {})})


def head(*comparisons: Comparison) -> Incumbent:
    return Incumbent(3, payload(*comparisons), inputs_sha256="old")


def hours(top: str, confidence: float, **more: Any) -> Comparison:
    return comparison("hours", top, {top: confidence}, **more)


NO_HEAD = Incumbent(0, None)
SILENT, HOURS_A = hours("a", 0.4), hours("a", 0.9)

# now: what is said of each level, the recommended one first. beats: P(it beats the head's). below: in the newest block.
TABLE = """
    situation                                | in force | now        | beats | below | verdict
    nothing in force, nothing claimed        |          | a .40      |       |       | hold not_better
    nothing in force, a claim                |          | a .90      |       |       | publish
    a claim that the newest block vetoes     |          | a .90      |       | a     | hold contradicted
    the same level as in force               | a        | a .90      |       |       | hold confirmed healthy
    the level in force, weaker               | a        | a .55      |       |       | hold confirmed healthy
    the level in force, fallen               | a        | a .45      |       |       | hold not_better
    the level in force, contradicted         | a        | a .90      |       | a     | hold contradicted
    another level, which beats it            | a        | b .90 a .6 | .70   |       | publish healthy
    another level, hardly better             | a        | b .90 a .6 | .69   |       | hold confirmed healthy
    another level, and the one in force fell | a        | b .90 a .3 | .69   |       | publish healthy
    another level, and the newest block veto | a        | b .90 a .6 | .90   | b     | hold confirmed healthy
    the question has no answer any more      | a        |            |       |       | hold not_better
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()[1:]]


@pytest.mark.parametrize(
    ("in_force", "now", "beats", "below", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_one_question(in_force: str, now: str, beats: str, below: str, verdict: str) -> None:
    words = now.split()
    p_better = {key: float(value) for key, value in zip(words[::2], words[1::2], strict=True)}
    found = [comparison("hours", words[0], p_better, vetoed=words[0] == below)] if words else []
    told = {"below_mix": below.split(), "p_top_beats": {in_force: float(beats)} if beats else {}}
    ruled = rule(finding(*found, told={"hours": told}), head(HOURS_A) if in_force else NO_HEAD, read)
    said = [
        ruled.ruling.value,
        ruled.reason.value if ruled.reason else "",
        "healthy" if ruled.incumbent_healthy else "",
    ]
    assert " ".join(filter(None, said)) == verdict


GAPS_C = comparison("gaps", "c", {"c": 0.8})


def test_a_second_question_that_is_answered_publishes_both() -> None:
    verdict = rule(finding(HOURS_A, GAPS_C), head(HOURS_A), read)
    assert verdict.ruling is Ruling.PUBLISH
    assert verdict.confidence == 0.9
    assert verdict.judged_on == {
        "gaps": {"standing": "new", "key": "c", "confidence": 0.8},
        "hours": {
            "standing": "confirms",
            "key": "a",
            "confidence": 0.9,
            "in_force": "a",
            "p_in_force": 0.9,
            "p_beats": 0.0,
        },
    }


def test_a_claim_that_fell_is_withdrawn_while_the_others_stay() -> None:
    fallen = comparison("gaps", "c", {"c": 0.3})
    verdict = rule(finding(HOURS_A, fallen), head(HOURS_A, GAPS_C), read)
    assert verdict.ruling is Ruling.PUBLISH
    nothing_left = rule(finding(hours("a", 0.6), fallen), head(HOURS_A, GAPS_C), read)
    assert (nothing_left.ruling, nothing_left.reason) == (Ruling.HOLD, Reason.NOT_BETTER)
    assert not nothing_left.incumbent_healthy
    assert str(nothing_left.refusal) == "not_better: got 0.3, wanted 0.5 (gaps: c)"


def test_equal_inputs_change_nothing_whatever_they_say() -> None:
    in_force = head(HOURS_A)
    verdict = rule(finding(hours("b", 0.99), sha="old"), in_force, read)
    assert (verdict.ruling, verdict.reason) == (Ruling.HOLD, Reason.UNCHANGED)


def test_confidence_is_that_of_the_surest_claim_or_of_the_surest() -> None:
    vetoed = hours("a", 0.95, vetoed=True)
    assert rule(finding(vetoed, GAPS_C), NO_HEAD, read).confidence == 0.8
    assert rule(finding(SILENT, comparison("gaps", "b", {"b": 0.2})), NO_HEAD, read).confidence == 0.4


@pytest.mark.parametrize(("omega", "drifting"), [(0.30, False), (0.31, True)])
def test_strong_drift_of_a_claim_shortens_its_validity(omega: float, drifting: bool) -> None:
    assert rule(finding(HOURS_A, told={"hours": {"omega": omega}}), NO_HEAD, read).drifting is drifting
    assert not rule(finding(SILENT, told={"hours": {"omega": omega}}), NO_HEAD, read).drifting, "nothing is claimed"


def test_a_head_that_cannot_be_read_is_none() -> None:
    broken = Incumbent(4, {"schema": 99}, inputs_sha256="old")
    assert rule(finding(HOURS_A), broken, read).ruling is Ruling.PUBLISH
    assert not rule(finding(SILENT), broken, read).incumbent_healthy


def test_every_tenant_has_a_verdict() -> None:
    refused, other = Refusal(Reason.TOO_FEW_OUTCOMES, 3, 10), UUID(int=8)
    verdicts = judge_levels({TENANT: finding(HOURS_A), other: refused}, {TENANT: head(HOURS_A)}, read)
    assert verdicts[TENANT].reason is Reason.CONFIRMED
    assert verdicts[other] == Verdict(Ruling.REFUSE, refusal=refused)


def test_diagnostics_say_why_a_question_has_no_answer() -> None:
    told = described({"hours": Refusal(Reason.NO_LOCAL_TIME, 0, 1)})
    assert told == {COMPARISONS: {"hours": {"refused": "no_local_time: got 0, wanted 1"}}}
