"""Rules as people write them: read, written back, and what is said of mistakes."""

from __future__ import annotations

import tomllib

import pytest

from contracts.allocation import AllocationRules, Exploration
from contracts.allocation_rules import read_rules, write_rules
from contracts.errors import UserError
from tests.engines.tables import table

WRITTEN = """
horizon_days = 5
min_gap_days = 2.5
[working_hours]
mon = "9-12, 13-17"
sat = "10-11"
sun = ""
[daily_caps]
email = 300
voice = 0
[exploration]
share = 0.2
"""


def test_what_is_left_out_keeps_its_default() -> None:
    assert read_rules({}) == AllocationRules()
    rules = read_rules(tomllib.loads(WRITTEN))
    assert rules.hours == (9, 10, 11, 13, 14, 15, 16, 130)
    assert rules.channels == ("email",)
    assert (rules.horizon_days, rules.min_gap_days, rules.max_touches) == (5, 2.5, 8)
    assert rules.exploration == Exploration(share=0.2)


@pytest.mark.parametrize(
    "text", ["", WRITTEN, "paused = true\n[exploration]\non = false", "[working_hours]\nsun = '0-24'"]
)
def test_rules_are_written_as_they_are_read(text: str) -> None:
    rules = read_rules(tomllib.loads(text))
    assert read_rules(write_rules(rules)) == rules


@table("""
    mistake                           | said
    max_touch = 3                     | the rules name `max_touch`, which there is not. Did you mean `max_touches`?
    zzz = 3                           | the rules name `zzz`, which there is not. Known are min_gap_days, max_touches, notice_hours, horizon_days, paused, addresses_elsewhere, working_hours, daily_caps, exploration.
    max_touches = 2.5                 | `max_touches` is 2.5, and a whole number from 1 to 1000 is wanted.
    max_touches = true                | `max_touches` is True, and a whole number from 1 to 1000 is wanted.
    horizon_days = 99                 | `horizon_days` is 99, and a whole number from 1 to 28 is wanted.
    min_gap_days = -1                 | `min_gap_days` is -1, and a number from 0 to 365 is wanted.
    min_gap_days = nan                | `min_gap_days` is nan, and a number from 0 to 365 is wanted.
    paused = "no"                     | `paused` is 'no', and true or false is wanted.
    daily_caps = 200                  | `daily_caps` is 200, and it is a table of its own: [daily_caps].
    daily_caps = { e-mail = 200 }     | the rules name `daily_caps.e-mail`, which there is not. Did you mean `email`?
    daily_caps = { email = -1 }       | `daily_caps.email` is -1, and a whole number from 0 to 100000 is wanted.
    working_hours = { mon = "17-9" }  | `working_hours.mon` holds '17-9', and hours such as "9-17" or "9-12, 13-17" are wanted, "" for none.
    working_hours = { mon = "9-25" }  | `working_hours.mon` holds '9-25', and hours such as "9-17" or "9-12, 13-17" are wanted, "" for none.
    working_hours = { mon = 9 }       | `working_hours.mon` is 9, and hours such as "9-17" or "9-12, 13-17" are wanted, "" for none.
    working_hours = { mon = "" }      | `working_hours` has no hour on any day. To send nothing, write `paused = true` instead.
    exploration = { share = 2 }       | `exploration.share` is 2, and a number from 0 to 1 is wanted.
    exploration = { salt = 7 }        | `exploration.salt` cannot be used, and a text of up to 64 bytes is wanted.
""")  # fmt: skip  # noqa: E501
def test_a_mistake_is_told_in_a_sentence(row: dict[str, str]) -> None:
    with pytest.raises(UserError) as told:
        read_rules(tomllib.loads(row["mistake"]))
    assert str(told.value) == row["said"]
