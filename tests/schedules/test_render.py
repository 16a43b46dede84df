"""What prefect.yaml says is what the table of plans says."""

from __future__ import annotations

import yaml

from schedules.plans import PLANS, Plan
from schedules.render import FILE, render


def test_the_committed_file_is_the_rendered_table() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "run `python -m schedules.render`"


def test_every_plan_is_a_deployment_of_prefects_own_form() -> None:
    content = yaml.safe_load(render())
    assert [entry["name"] for entry in content["deployments"]] == [plan.name for plan in PLANS]
    weekly = content["deployments"][0]
    assert weekly["entrypoint"] == "flows.pattern_learning:pattern_learning"
    assert weekly["schedules"] == [{"slug": "weekly", "cron": "0 2 * * 0", "timezone": "UTC", "active": True}]
    assert weekly["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert weekly["parameters"] == {}, "the flow's own defaults, so that a new learner takes part without a word here"


def test_words_with_quotes_colons_and_line_breaks_survive() -> None:
    why = 'at "two": when # nobody\nlooks'
    plan = Plan(flow="f", name="odd", entrypoint="a.b:c", cron="0 2 * * 0", why=why, tags=("x: y",), at_once=2)
    entry = yaml.safe_load(render([plan]))["deployments"][0]
    assert (entry["description"], entry["tags"], entry["concurrency_limit"]["limit"]) == (why, ["x: y"], 2)


def test_a_retired_plan_is_written_and_switched_off() -> None:
    plan = Plan(flow="f", name="old", entrypoint="a.b:c", cron="0 2 * * 0", why="was", state="retired")
    assert yaml.safe_load(render([plan]))["deployments"][0]["schedules"][0]["active"] is False


def test_two_plans_of_one_flow_never_share_a_name() -> None:
    names = [(plan.flow, plan.name) for plan in PLANS]
    assert len(names) == len(set(names))
