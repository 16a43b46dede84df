"""Which channel comes next, situation by situation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.allocation import ChannelSituation, Exploration, Policy
from contracts.how import next_key
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason
from engines import how
from tests.engines.level_patterns import NOTHING, comparison, how_head
from tests.engines.tables import table

NOW = datetime(2025, 3, 3, 8, tzinfo=UTC)
AFTER = comparison(
    "next_channel",
    {next_key("none", "email"): 0.1, next_key("email", "sms"): 0.31, next_key("email", "email"): -0.2,
     next_key("sms", "voice"): 0.2, next_key("sms", "email"): 0.0},
)  # fmt: skip
CHANNEL = {"email": -0.1, "voice": 0.25, "sms": 0.05}
HEADS = {
    "none": NOTHING,
    "v3": how_head(comparison("channels", CHANNEL), AFTER),
    "v3, channels only": how_head(comparison("channels", CHANNEL)),
    "v3, nothing claimed": how_head(
        comparison("channels", CHANNEL, claimed=False, use={"email": 0.2, "sms": 0.5, "voice": 0.3})
    ),
    "v3, empty": how_head(),
    "v3, expires now": how_head(comparison("channels", CHANNEL), valid_until=NOW),
}


def situation(previous: str, feasible: str, policy: Policy, lead: int = 1) -> ChannelSituation:
    channels = tuple(channel for channel in CHANNELS if channel in feasible.split())
    return ChannelSituation(UUID(int=lead), 1 if previous == "none" else 2, previous, channels, NOW, policy)


@table("""
    situation                          | previous | feasible       | head                | channel | because
    first touch, no pattern            | none     | email sms      | none                | email   | email first, default cadence: nothing has been published for this tenant yet
    after e-mail, no pattern           | email    | email sms      | none                | sms     | sms after email, default cadence: nothing has been published for this tenant yet
    the cadence skips what cannot be   | email    | email voice    | none                | voice   | voice after email, default cadence: nothing has been published for this tenant yet
    only the same is left              | email    | email          | none                | email   | email after email, default cadence: nothing has been published for this tenant yet
    after e-mail, sms is claimed       | email    | email sms      | v3                  | sms     | sms after email: +.31 by version 3
    the best of all cannot be had      | sms      | email voice    | v3                  | voice   | voice after sms: +.20 by version 3
    nothing is known after voice       | voice    | email sms      | v3                  | sms     | sms after voice: +.05 by version 3
    channels alone are claimed         | email    | email voice    | v3, channels only   | voice   | voice after email: +.25 by version 3
    not the best, but the only one     | email    | email          | v3, channels only   | email   | email after email: −.10 by version 3
    none of these is known             | email    | linkedin mail  | v3, channels only   | linkedin | linkedin after email, default cadence: the published pattern claims nothing about this
    a pattern that claims nothing      | email    | email sms      | v3, nothing claimed | sms     | sms after email, this tenant's usual mix: the published pattern claims nothing about this
    a pattern without comparisons      | none     | email sms      | v3, empty           | email   | email first, default cadence: the published pattern claims nothing about this
    expired at this moment             | none     | email voice    | v3, expires now     | email   | email first, default cadence: the published pattern has expired
""")  # fmt: skip  # noqa: E501
def test_without_exploration_the_best_is_taken(row: dict[str, str]) -> None:
    greedy = Policy()
    chosen = how.choose(HEADS[row["head"]], situation(row["previous"], row["feasible"], greedy))
    assert (chosen.channel, chosen.because) == (row["channel"], row["because"])
    assert chosen.propensity == 1.0
    assert not chosen.explored
    assert (chosen.fallback is None) == ("by version 3" in row["because"])


def test_a_payload_that_cannot_be_read_is_no_pattern() -> None:
    broken = how_head(comparison("channels", CHANNEL))
    head = type(broken)(3, {**(broken.payload or {}), "schema": 99})
    chosen = how.choose(head, situation("none", "email sms", Policy()))
    assert (chosen.channel, chosen.fallback, chosen.pattern_version) == ("email", Reason.INVALID_PATTERN, 0)


def test_the_usual_mix_is_drawn_in_its_shares_and_names_its_version() -> None:
    policy = Policy("test", Exploration(share=0.1))
    chosen = how.choose(HEADS["v3, nothing claimed"], situation("email", "email sms voice", policy))
    expected = {"email": 0.1 / 3 + 0.9 * 0.2, "sms": 0.1 / 3 + 0.9 * 0.5, "voice": 0.1 / 3 + 0.9 * 0.3}
    assert chosen.probabilities == pytest.approx(expected)
    assert (chosen.pattern_version, chosen.fallback) == (3, Reason.NOT_CLAIMED)


def test_exploration_keeps_every_channel_possible_and_says_when_it_tries_one() -> None:
    policy = Policy("test", Exploration(share=0.3))
    chosen = [how.choose(HEADS["v3"], situation("email", "email sms", policy, lead)) for lead in range(200)]
    by_channel = {each.channel: each for each in chosen}
    assert set(by_channel) == {"email", "sms"}
    assert by_channel["sms"].propensity > 0.8
    assert by_channel["email"].propensity == pytest.approx(0.15, abs=0.02)
    assert by_channel["email"].because == "email after email: −.20 by version 3, tried to learn"
    assert by_channel["email"].explored
    assert not by_channel["sms"].explored


def test_a_channel_that_the_pattern_does_not_know_is_tried_and_said_to_be_new() -> None:
    policy = Policy("test", Exploration(share=0.3))
    chosen = [how.choose(HEADS["v3, channels only"], situation("email", "email mail", policy, n)) for n in range(200)]
    mail = next(each for each in chosen if each.channel == "mail")
    assert mail.because == "mail after email: not yet known by version 3, tried to learn"
    assert mail.propensity == pytest.approx(0.15)


def test_a_head_is_followed_until_it_expires() -> None:
    head = how_head(comparison("channels", CHANNEL), valid_until=NOW + timedelta(seconds=1))
    assert how.choose(head, situation("none", "email voice", Policy())).pattern_version == 3
