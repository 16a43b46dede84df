"""The suite is data: users edit it, and what it cannot evaluate is an error, never a pass."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from contracts.defects import DEFECTS, Treatment
from contracts.errors import SettingsError
from settings import Settings
from tasks.checking import suite, verdict
from tasks.checking.documents import reference_page, write_docs
from tests.tasks.check_world import world
from tests.tasks.test_check_defects import PLANTS, checked

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "defects.md"


def edited(tmp_path: Path, change: Any) -> Settings:
    """Settings whose suite is the built-in one after `change(expectations by defect)`."""
    own = suite.from_catalogue()
    change(own["expectations"], {e["meta"]["defect"]: e for e in own["expectations"]})
    path = tmp_path / "own.json"
    path.write_text(json.dumps(own))
    return Settings(expectations=path)


def test_the_built_in_suite_is_what_the_catalogue_says() -> None:
    assert json.loads(suite.BUILT_IN.read_text()) == suite.from_catalogue()
    deciding = {e["meta"]["defect"] for e in suite.from_catalogue()["expectations"]}
    assert deciding == {defect.code for defect in DEFECTS if defect.treatment is not Treatment.DROP}


def test_the_reference_page_is_current() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference_page()


def test_a_laxer_threshold_lets_the_tenant_pass(tmp_path: Path) -> None:
    def allow(_: list[Any], by_defect: dict[str, Any]) -> None:
        by_defect["channel_unknown"]["kwargs"]["max_value"] = 0.2

    rows = world()
    PLANTS["channel_unknown"](rows, 60)  # a tenth of the tenant's touches
    assert [q.defect for q in checked(rows, tmp_path / "strict").quarantined] == ["channel_unknown"]
    assert checked(rows, tmp_path / "lax", settings=edited(tmp_path, allow)).quarantined == ()


def test_a_stricter_threshold_quarantines(tmp_path: Path) -> None:
    def tighten(_: list[Any], by_defect: dict[str, Any]) -> None:
        by_defect["channel_unknown"]["kwargs"]["max_value"] = 0.001

    rows = world()
    PLANTS["channel_unknown"](rows, 2)
    assert checked(rows, tmp_path / "built-in").quarantined == ()
    (quarantined,) = checked(rows, tmp_path / "own", settings=edited(tmp_path, tighten)).quarantined
    assert quarantined.reason == (
        "0.3 % of touches have no channel, or one that is not in the contract (0.1 % is allowed)"
    )


def test_an_expectation_of_ones_own_quarantines_under_its_column(tmp_path: Path) -> None:
    def add(expectations: list[Any], _: dict[str, Any]) -> None:
        expectations.append({"type": suite.BETWEEN, "kwargs": {"column": "touches", "min_value": 601}})

    result = checked(world(), tmp_path, settings=edited(tmp_path, add))
    assert {q.tenant for q in result.quarantined} == {"Ash", "Birch", "Cedar"}
    assert {(q.defect, q.reason, q.got, q.wanted) for q in result.quarantined} == {
        ("touches", "touches is 600 (min_value 601.0)", 600.0, 601.0)
    }


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ({"type": suite.BETWEEN, "kwargs": {"column": "no_such", "min_value": 0}}, "could not be evaluated"),
        ({"type": "expect_miracles", "kwargs": {"column": "leads"}}, "Great Expectations lacks: expect_miracles"),
        ({"type": suite.BETWEEN, "kwargs": {"column": "leads", "max_value": "many"}}, "cannot be read"),
        ({"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 99}}, "of the whole table"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(expectation: dict[str, Any], said: str, tmp_path: Path) -> None:
    settings = edited(tmp_path, lambda expectations, _: expectations.append(expectation))
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        checked(world(), tmp_path, settings=settings)
    assert "own.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"expectations": [{"type": 1}]}'])
def test_a_file_that_is_no_suite(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="is no expectation suite"):
        suite.load(path)


def test_a_suite_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file or directory"):
        suite.load(tmp_path / "none.json")


def test_warming_up_ends() -> None:
    thread = verdict.warm_up()
    assert isinstance(thread, threading.Thread)
    thread.join(60)
    assert not thread.is_alive()


def test_data_docs_need_no_network(tmp_path: Path) -> None:
    rows = world()
    rows["tenants"][1]["name"] = "Birch & <Sons>"
    PLANTS["channel_unknown"](rows, 60)
    result = checked(rows, tmp_path / "lake")
    page = write_docs(result, tmp_path / "docs").read_text()
    assert (tmp_path / "docs" / "index.html").is_file()
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//|url\(|<script|<link|<img", page)
    assert "Birch &amp; &lt;Sons&gt;" in page
    assert "<Sons>" not in page
    assert "10 % of touches have no channel" in page
    assert page.count('class="ge-section') == len(suite.from_catalogue()["expectations"])
