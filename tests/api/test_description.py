"""The description for machines and the page for people say what is there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters import prefect_environment
from algorithms.registry import LEARNERS
from api import runs
from api.problems import MEDIA_TYPE
from api.shapes import LearnOrder, Pattern, Patterns
from contracts.pattern_types import PatternType
from schedules.plans import PLANS
from tasks.request import LearningRequest
from tests.api.agency import Agency

Described = dict[str, Any]
OPEN = {"healthz", "readyz"}


@pytest.fixture(scope="module")
def described(agency: Agency) -> Described:
    return dict(agency.get("/openapi.json").json())


def operations(described: Described) -> list[dict[str, Any]]:
    return [operation for methods in described["paths"].values() for operation in methods.values()]


def test_every_operation_is_there_with_its_problems_and_its_lock(described: Described) -> None:
    found = {operation["operationId"]: operation for operation in operations(described)}
    assert set(found) == {"read_all", "read_one", "learn", "backfill", *OPEN}
    for name, operation in found.items():
        assert operation["description"]
        assert ("security" in operation) is (name not in OPEN)
        problems = {
            status: answer for status, answer in operation["responses"].items() if status >= "4" and status != "413"
        }
        assert all(list(answer["content"]) == [MEDIA_TYPE] for answer in problems.values())
        if name not in OPEN:
            assert {"401", "403", "404", "422", "503"} <= set(problems)


def test_every_reference_leads_somewhere(described: Described) -> None:
    shapes = described["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", str(described))) <= set(shapes)
    assert {"Problem", "Pattern", "Patterns", "LearnOrder", "StartedRun"} <= set(shapes)
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_answers_have_the_shapes_that_are_declared(agency: Agency) -> None:
    """They are put together as text, so that nothing but this and the fuzzer holds them to their models."""
    one, every = (agency.get(path, "all reader").json() for path in ("/patterns/Acme/who", "/patterns/Acme"))
    assert Pattern.model_validate(one).model_dump(mode="json") == one
    assert Patterns.model_validate(every).model_dump(mode="json") == every


def test_the_example_of_an_order_is_one() -> None:
    (example,) = LearnOrder.model_json_schema()["examples"]
    assert LearnOrder.model_validate(example).tenants == ["Northwind Dental"]


def test_types_are_those_of_the_learners() -> None:
    assert {learner.name for learner in LEARNERS} <= set(PatternType)


def test_an_order_asks_for_what_a_run_takes() -> None:
    """The API may not import the flow's request: this holds the two together."""
    assert set(LearnOrder.model_fields) == set(LearningRequest.model_fields)
    sent = {"tenants": ["x"], "as_of": "2026-03-01T02:00:00Z", "dry_run": True, "full": True, "learners": ["who"]}
    order = LearnOrder.model_validate(sent).model_dump(mode="json", exclude_unset=True)
    assert LearningRequest.model_validate(order).model_dump(mode="json") == sent


def test_the_learning_deployment_is_one_of_the_plans() -> None:
    assert runs.LEARN in {f"{plan.flow}/{plan.name}" for plan in PLANS}
    assert prefect_environment.POOL == "learnback"


def test_the_page_lists_every_address_and_loads_nothing(agency: Agency, described: Described) -> None:
    answer = agency.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for path in described["paths"]:
        assert path in answer.text
    for operation in operations(described):
        assert f'id="{operation["operationId"]}"' in answer.text
    links = re.findall(r"""(?:src|href)=["']([^"']+)""", answer.text)
    assert links == ["openapi.json"]
    assert "<script" not in answer.text
    assert "`" not in answer.text
