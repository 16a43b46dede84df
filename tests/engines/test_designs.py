"""Designs by rules, and the checks that every design has to pass, situation by situation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from algorithms.content import features
from contracts.agents import Basis
from contracts.allocation import AllocationRules
from contracts.designs import (
    Brief,
    CampaignDesign,
    DesignLimits,
    Experiment,
    Known,
    Segment,
    SequenceDesign,
    Step,
    Variant,
)
from contracts.learning import Incumbent
from engines import campaign_design, claims, message_check, message_design, sequence_design
from tests.agents.patterns import LEARNED, NOTHING, NOW, SOON, WHEN, comparison, yields
from tests.engines.tables import table

LIMITS = DesignLimits()


# ── What is claimed ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_claims_of_patterns_in_force_are_read() -> None:
    known = LEARNED.known
    assert [(one.pattern, one.version) for one in known.basis] == [("who", 7), ("what", 4), ("when", 3), ("how", 2)]
    assert set(known.claims) == {"angle", "length_band", "hours", "gaps", "channels", "next_channel"}
    assert [(one.dimension, one.level) for one in known.segments] == [("title", "cfo")]


def test_a_pattern_that_is_not_in_force_says_why() -> None:
    heads = {
        "when": Incumbent(3, WHEN.to_payload(), valid_until=NOW - timedelta(days=1)),
        "how": Incumbent(2, {"schema": 99}, valid_until=SOON),
    }
    known = claims.read(heads, NOW, patterns=("what", "when", "how"))
    assert known.basis == (
        Basis("what", 0, "no_pattern"),
        Basis("when", 0, "expired"),
        Basis("how", 0, "invalid_pattern"),
    )
    assert claims.facts(known) == ["No pattern in force claims anything about this."]


def test_facts_say_what_a_claim_rests_on() -> None:
    [told] = [fact for fact in claims.facts(LEARNED.known) if fact.startswith("gaps")]
    assert told == (
        "gaps: 4-5 does best, +0.30 log-odds over today's mix (90 % +0.10 to +0.50), 0.0600 outcomes a touch against "
        "0.0500; confidence 0.90, 800 touches, observational: an association. Next: 2 +0.00."
    )


def test_claims_in_short_name_the_best_level() -> None:
    assert "gaps: 4-5 +0.30 (90 % +0.10 to +0.50), confidence 0.90" in claims.in_short(LEARNED.known)


# ── Sequences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(design: SequenceDesign) -> str:
    return " · ".join(
        f"{step.day} {step.channel} {step.weekday or 'any'} {step.from_hour}-{step.until_hour}" for step in design.steps
    )


SITUATIONS: dict[str, tuple[Known, DesignLimits]] = {
    "nothing is known": (NOTHING.known, LIMITS),
    "all is claimed": (LEARNED.known, LIMITS),
    "hours only": (Known(claims={"hours": comparison("hours", {"wed-14": 0.2, "tue-10": 0.1})}), LIMITS),
    "best hour is closed": (Known(claims={"hours": comparison("hours", {"sun-09": 0.5, "mon-15": 0.1})}), LIMITS),
    "claimed gap is too short": (Known(claims={"gaps": comparison("gaps", {"1": 0.5, "3": 0.0})}), LIMITS),
    "yields fall fast": (Known(yields=yields(0.05, 0.01, 0.01)), LIMITS),
    "two touches allowed": (NOTHING.known, DesignLimits(AllocationRules(max_touches=2))),
    "e-mail only": (NOTHING.known, DesignLimits(AllocationRules(daily_caps={"email": 10}))),
    "evenings only": (NOTHING.known, DesignLimits(AllocationRules(hours=(18, 19, 42, 43)))),
}


@table("""
    situation                | design
    nothing is known         | 0 email any 9-12 · 3 linkedin any 9-12 · 6 voice any 9-12 · 9 sms any 9-12
    all is claimed           | 0 linkedin tue 10-11 · 4 email tue 10-11 · 8 voice tue 10-11 · 12 sms tue 10-11
    hours only               | 0 email wed 14-15 · 3 linkedin wed 14-15 · 6 voice wed 14-15 · 9 sms wed 14-15
    best hour is closed      | 0 email mon 15-16 · 3 linkedin mon 15-16 · 6 voice mon 15-16 · 9 sms mon 15-16
    claimed gap is too short | 0 email any 9-12 · 3 linkedin any 9-12 · 6 voice any 9-12 · 9 sms any 9-12
    yields fall fast         | 0 email any 9-12
    two touches allowed      | 0 email any 9-12 · 3 linkedin any 9-12
    e-mail only              | 0 email any 9-12 · 3 email any 9-12 · 6 email any 9-12 · 9 email any 9-12
    evenings only            | 0 email any 18-20 · 3 linkedin any 18-20 · 6 voice any 18-20 · 9 sms any 18-20
""")  # fmt: skip
def test_a_sequence_by_rules(row: dict[str, str]) -> None:
    known, limits = SITUATIONS[row["situation"]]
    design = sequence_design.design(known, limits)
    assert shown(design) == row["design"]
    assert list(sequence_design.faults(design, limits)) == []


def test_a_sequence_by_rules_says_what_it_follows() -> None:
    assert sequence_design.design(LEARNED.known, LIMITS).because == (
        "Follows what is claimed: hour tue-10, since sat-20 is outside the working hours; 4 days between touches, "
        "where 4-5 does best; channels; next channel."
    )


def step(**changed: Any) -> Step:
    made = Step(channel="email", day=0, weekday="tue", from_hour=10, until_hour=12, purpose="Say hello.")
    return made.model_copy(update=changed)


def objections(*steps: Step) -> str:
    return " ".join(sequence_design.faults(SequenceDesign(name="s", steps=steps, because="b"), LIMITS))


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((step(), step(day=3)), ""),
        ((step(channel="mail"),), "Step 1 uses mail, and this tenant uses email, sms, linkedin, voice."),
        ((step(), step(day=2)), "Step 2 comes 2 days after the one before, and at least 3 are wanted."),
        ((step(day=5), step(day=1)), "Step 2 comes -4 days after the one before, and at least 3 are wanted."),
        ((step(day=61),), "Step 1 comes on day 61, and the last day is 60."),
        ((step(from_hour=12),), "Step 1 has the window 12 to 12, which holds no hour."),
        ((step(until_hour=18),), "Step 1 may go out at 17 o'clock on tue, outside the working hours."),
        ((step(weekday="sat", until_hour=11),), "Step 1 may go out at 10 o'clock on sat, outside the working hours."),
        ((step(weekday=None, from_hour=8),), "Step 1 may go out at 8 o'clock on any day, outside the working hours."),
        (
            tuple(step(day=3 * place) for place in range(9)),
            "There are 9 steps, and a lead gets at most 8 touches.",
        ),
    ],
)
def test_what_is_held_against_a_sequence(steps: tuple[Step, ...], said: str) -> None:
    assert objections(*steps) == said


# ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def every_choice() -> list[dict[str, Any]]:
    levels = {**message_design.LEVELS, "length_band": message_design.FILLERS_OF, "personalised": (True, False)}
    return [dict(zip(levels, chosen, strict=True)) for chosen in itertools.product(*levels.values())]


def test_every_message_by_rules_shows_what_was_wanted() -> None:
    """Every seventh of 3,750 e-mails holds all pairs of levels. A subject with a name makes any message personal."""
    for wanted in every_choice()[::7]:
        found = message_design.compose("email", wanted).features.model_dump()
        if wanted["subject_type"] == "personal":
            wanted = {**wanted, "personalised": True}
        assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("channel", ["email", "sms", "linkedin", "voice"])
@pytest.mark.parametrize("brief", [LEARNED, NOTHING], ids=["learned", "nothing known"])
def test_messages_by_rules_pass_the_check_and_differ_in_one_feature(channel: Any, brief: Brief) -> None:
    made = message_design.design(brief.known, channel, 4)
    assert list(message_check.faults(made.variants, brief.limits)) == []
    declared = [variant.features.model_dump() for variant in made.variants]
    differing = {name for name in declared[0] if len({one[name] for one in declared}) > 1}
    assert differing == ({"cta"} if brief is LEARNED else {"angle"})


def test_messages_by_rules_follow_what_is_claimed() -> None:
    made = message_design.design(LEARNED.known, "email", 2)
    assert {(one.features.angle, one.features.length_band) for one in made.variants} == {("social_proof", "medium")}
    assert made.because == ("Follows what is claimed: angle social_proof, length_band medium. Variants differ in cta.")


@pytest.mark.parametrize(("best", "personal"), [("yes", True), ("no", False)])
def test_a_claim_about_names_is_followed_either_way(best: str, personal: bool) -> None:
    claim = comparison("personalised", {"yes": 0.0, "no": 0.0, best: 0.3})
    made = message_design.design(Known(claims={"personalised": claim}), "linkedin", 2)
    assert {variant.features.personalised for variant in made.variants} == {personal}


def test_a_claim_that_a_channel_cannot_show_is_not_said_to_be_followed() -> None:
    assert message_design.design(LEARNED.known, "sms", 2).because == (
        "Follows what is claimed: angle social_proof. Variants differ in cta."
    )


GOOD = message_design.compose("email", message_design.DEFAULTS)


def changed(**fields: Any) -> Variant:
    return GOOD.model_copy(update=fields)


def declaring(**fields: Any) -> Variant:
    return changed(features=GOOD.features.model_copy(update=fields))


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ((GOOD,), ""),
        ((changed(subject=None, features=GOOD.features.model_copy(update={"subject_type": None})),), "needs a subject"),
        ((changed(channel="sms"),), "Only e-mails have a subject; it must be null."),
        ((changed(channel="mail"),), "This tenant uses email, sms, linkedin, voice."),
        ((changed(body=GOOD.body + " {shoe_size}"),), "It uses shoe_size; placeholders are {first_name}, {company}"),
        ((changed(body=GOOD.body + " word" * 600),), "words, and 500 are allowed"),
        ((declaring(angle="urgency"),), "does not show the features that it declares: angle is roi, not urgency"),
        ((declaring(has_number=True),), "has_number is False, not True"),
        ((GOOD, GOOD), "Two variants for email have the same text."),
        (
            tuple(changed(body=f"{GOOD.body} {'so ' * n}it is.") for n in range(1, 6)),
            "There are 5 variants for email, and at most 4 can be compared.",
        ),
    ],
)
def test_what_is_held_against_messages(variants: tuple[Variant, ...], said: str) -> None:
    found = " ".join(message_check.faults(variants, LIMITS))
    assert said in found
    assert bool(found) == bool(said)


def test_a_text_message_that_is_too_long_for_its_segments_is_refused() -> None:
    long = message_design.compose("sms", message_design.DEFAULTS)
    body = long.body + " It is " + "so " * 60 + "good."
    variant = long.model_copy(update={"body": body})
    variant = variant.model_copy(update={"features": message_check.read(variant)})
    assert "segments" in " ".join(message_check.faults([variant], LIMITS))


def test_the_declared_features_are_those_that_learning_reads() -> None:
    read = features(GOOD.subject, GOOD.body).to_columns()
    assert GOOD.features.model_dump() == read


# ── Campaigns ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("brief", [LEARNED, NOTHING], ids=["learned", "nothing known"])
def test_a_campaign_by_rules_passes_its_own_check(brief: Brief) -> None:
    made = campaign_design.design(brief)
    assert list(campaign_design.faults(made, brief)) == []
    assert {one.channel for one in made.messages} == {one.channel for one in made.sequence.steps}
    assert [one.level for one in made.segments] == (["cfo"] if brief is LEARNED else [None])
    assert made.experiment.holdout == 0.1


def test_a_holdout_by_rules_stays_within_the_limits() -> None:
    brief = replace(NOTHING, limits=DesignLimits(holdout=(0.2, 0.5)))
    assert campaign_design.design(brief).experiment.holdout == 0.2


PLAIN = campaign_design.design(LEARNED)


def with_segment(**fields: Any) -> Callable[[], CampaignDesign]:
    made = Segment(name="some", because="b", **fields)
    return lambda: PLAIN.model_copy(update={"segments": (made,)})


def with_holdout(holdout: float) -> Callable[[], CampaignDesign]:
    made = Experiment(hypothesis="h", outcome="reply", holdout=holdout)
    return lambda: PLAIN.model_copy(update={"experiment": made})


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (with_segment(column="title", level="clerk"), ""),
        (with_segment(column="title", level="king"), "WHO knows no title 'king'; it knows cfo, clerk."),
        (with_segment(column="country", level="at"), "WHO knows no country 'at'; it knows none."),
        (with_segment(column="title", level=None), "Segment some names no level of title."),
        (with_segment(column="all", level="cfo"), "addresses everybody, so its level must be null"),
        (with_holdout(0.01), "1% of leads are held out, and 5% to 50% are wanted."),
        (lambda: PLAIN.model_copy(update={"segments": PLAIN.segments * 2}), "Two segments have the same name."),
        (lambda: PLAIN.model_copy(update={"messages": PLAIN.messages[2:]}), "no message is written for it"),
        (
            lambda: PLAIN.model_copy(
                update={"sequence": PLAIN.sequence.model_copy(update={"steps": PLAIN.sequence.steps[:1]})}
            ),
            "A message is written for email, which the sequence does not use.",
        ),
    ],
)
def test_what_is_held_against_a_campaign(made: Callable[[], CampaignDesign], said: str) -> None:
    found = " ".join(campaign_design.faults(made(), LEARNED))
    assert said in found
    assert bool(found) == bool(said)
