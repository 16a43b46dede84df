"""Chapters, page, artifact and terminal of a run that asked four questions."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from contracts.how import HowPattern
from contracts.learning import Finding
from contracts.outcomes import CHANNELS
from contracts.what import WhatPattern
from contracts.when import WhenPattern
from reports import (
    channel_figures,
    charts,
    how_chapter,
    level_figures,
    markdown,
    page,
    terminal,
    truth,
    unchanged,
    what_chapter,
    when_chapter,
)
from reports.charts import Figure
from reports.records import LEARNERS, ReportInput
from tests.reports import level_sample
from tests.reports.level_sample import comparison, four_questions
from tests.reports.test_page import Page


@pytest.fixture(scope="module")
def record() -> ReportInput:
    return four_questions()


@pytest.fixture(scope="module")
def seen(record: ReportInput) -> Page:
    """The page with outlines for pictures, which have tests of their own: drawing takes nearly all the time."""
    with pytest.MonkeyPatch.context() as patch:
        _outline(patch)
        return Page(page.html(record))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    _outline(monkeypatch)


def _outline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Figure, "svg", lambda self, key: f'<svg role="img" aria-label="{key}"></svg>')
    patch.setattr(Figure, "image", lambda self: "<svg></svg>" + " " * 12_000)


def _figures(record: ReportInput) -> Iterator[Figure]:
    for build in (what_chapter.chapter, when_chapter.chapter, how_chapter.chapter):
        for section in build(record).sections:
            yield from section.figures


def _rows(figure: Figure, field: str) -> list[dict[str, Any]]:
    """The rows behind a picture that have this field, wherever the specification keeps them."""
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict) and field in value[0]:
            found.extend(value)
        elif isinstance(value, list | tuple):
            for item in value:
                walk(item)

    walk(figure.chart.to_dict(validate=False))
    return found


def test_every_drawing_is_valid_vega_lite(record: ReportInput) -> None:
    figures = list(_figures(record))
    assert len(figures) > 30
    for figure in figures:
        figure.chart.to_dict(validate=True)


def test_every_chapter_has_its_sections(record: ReportInput) -> None:
    headings = {
        chapter.anchor: [section.heading for section in chapter.sections]
        for chapter in page.chapters(record)
        if chapter.anchor != "who"
    }
    assert headings == {
        "what": ["Content"],
        "when": ["The week", "The gap between touches", "What each further touch brings"],
        "how": [
            "Channels", "Which channel next", "What following this would be worth", "Several channels or one",
            "Attribution, for comparison only",
        ],
    }  # fmt: skip


def test_claims_are_blue_and_what_is_not_claimed_is_grey() -> None:
    claimed, not_claimed = (
        level_figures.intervals("A", level_figures.of(level_sample.hours(sure), {})).svg("a").count("#1f6f8b")
        for sure in (0.9, 0.3)
    )
    assert claimed > 50
    assert not_claimed == 0


def test_a_week_rings_what_is_sure_and_frames_what_is_claimed() -> None:
    drawn = level_figures.week("A", level_sample.hours(), level_sample.EFFECTS)
    cells = {(row["day"], row["hour"]): row for row in _rows(drawn, "hour")}
    assert [key for key, row in cells.items() if row["chosen"]] == [("Tue", 10)]
    assert [key for key, row in cells.items() if row["best"]] == [("Tue", 10)]
    assert cells["Mon", 10]["sure"]  # .4 ± .16
    assert not cells["Mon", 8]["sure"]  # −.1 ± .16
    silent = level_figures.week("A", level_sample.hours(0.3), level_sample.NOTHING)
    assert not [row for row in _rows(silent, "hour") if row["chosen"] or row["best"]]


def test_a_flow_is_as_wide_as_often_and_told_only_where_it_is_sure() -> None:
    following = comparison("next_channel", {"none>email": 0.5, "email>sms": 0.05, "email>email": -0.5})
    often = [replace(level, n=800) if level.key == "email>sms" else level for level in following.levels]
    rows = _rows(channel_figures.flow("A", replace(following, levels=tuple(often))), "way")
    width = {row["way"]: row["y2"] - row["y"] for row in rows}
    thinnest = channel_figures.THINNEST
    assert width["email>sms"] - thinnest == pytest.approx(2 * (width["email>email"] - thinnest))
    assert max(row["y2"] for row in rows) <= 1.0 + 1e-9
    assert {row["way"]: row["gain"] for row in rows} == {"none>email": 0.5, "email>sms": 0.0, "email>email": -0.5}
    assert rows[0]["way"] == "email>sms"  # pale ones below


def test_no_two_ways_overlap_at_either_end() -> None:
    rows = _rows(channel_figures.flow("A", level_sample.following()), "way")
    for end in (0.0, 1.0):
        edges = sorted((row["y"], row["y2"]) for row in rows if row["x"] == end)
        assert len(edges) == 2 * len(CHANNELS)
        assert all(below[0] >= above[1] - 1e-9 for above, below in pairwise(edges))


def test_the_best_next_channel_is_one_for_each_before() -> None:
    best = channel_figures.best_next(level_sample.following())
    assert [level.key for level in best] == ["none>linkedin", "email>linkedin"]


def test_a_flat_world_draws_few_and_claims_nothing(record: ReportInput, undrawn: None) -> None:
    flat = {
        tenant_id: replace(
            tenant,
            said={
                name: level_sample.learned(tenant_id, tenant.name, name, pattern, 0.2)[0]
                for name, pattern in (
                    ("what", level_sample.what(0.2)), ("when", level_sample.when(0.2)), ("how", level_sample.how(0.2)),
                )
            },
        )
        for tenant_id, tenant in record.tenants.items()
    }  # fmt: skip
    outcomes = tuple(
        level_sample.learned(tenant_id, tenant.name, "when", level_sample.when(0.2), 0.2)[1]
        for tenant_id, tenant in flat.items()
    )
    silent = replace(record, report=replace(record.report, outcomes=outcomes, quarantined=()), tenants=flat)
    week = when_chapter.chapter(silent).sections[0]
    assert len(week.figures) == 6  # three tenants, two pictures each
    assert week.note == "Claimed for none of 12 tenants; 3 are drawn."
    assert "Nothing is claimed about texts, hours or channels." in Page(page.html(silent)).text


def test_tenants_without_patterns_leave_chapters_without_sections(record: ReportInput) -> None:
    bare = {key: replace(tenant, said={}) for key, tenant in record.tenants.items()}
    for chapter in page.chapters(replace(record, tenants=bare)):
        assert chapter.sections == () or chapter.anchor == "who"


def test_empty_patterns_draw_nothing(record: ReportInput) -> None:
    empty: dict[str, WhatPattern | WhenPattern | HowPattern]
    empty = {"what": WhatPattern({}, 0, 0.2), "when": WhenPattern(None, None), "how": HowPattern(None, None)}
    bare = {
        key: replace(
            tenant,
            said={
                name: replace(one, finding=replace(one.finding, payload=empty[name].to_payload()))
                for name, one in tenant.said.items()
                if name in empty and isinstance(one.finding, Finding)
            },
        )
        for key, tenant in record.tenants.items()
    }
    assert list(_figures(replace(record, tenants=bare))) == []


def test_each_tenant_stands_in_one_row_with_four_answers(record: ReportInput, seen: Page) -> None:
    rows = seen.rows["tenants"]
    assert rows[0] == ["Tenant", *level_sample.QUESTIONS.values()]
    assert sorted(row[0].strip() for row in rows[1:]) == sorted(tenant.name for tenant in record.tenants.values())
    by_name = {row[0].strip(): row[1:] for row in rows[1:]}
    assert len(by_name["Kestrel Logistics"]) == 1  # quarantined: one reason for all questions
    assert re.search(
        r"published 90\s%when says something1,000 outcomes of 20,000 touches", by_name["Northwind Dental"][2]
    )
    assert re.search(r"held 30\s%Not shown .* in forcenearest: Tuesday 10:00", by_name["Brightside Solar"][2])
    assert "Too few outcomes to learn from (3, wanted 10)" in by_name["Ember Coffee"][3]


def test_the_page_leads_to_its_chapters(seen: Page) -> None:
    targets = {value for tag, name, value in seen.attributes if tag == "a" and name == "href" and value[0] == "#"}
    assert targets == {f"#{name}" for name in ("tenants", "planted", *LEARNERS, "data")}
    assert targets <= {f"#{name}" for name in seen.ids}


def test_claims_stand_beside_what_was_planted(seen: Page) -> None:
    claims = [row for row in seen.rows["planted"] if row[1] == "hour: Tuesday 10:00"]
    assert len(claims) > 3
    assert {tuple(row[2:]) for row in claims} == {("+101\u00a0%", "+99\u00a0%", "yes")}
    assert "and none is false" in seen.text


def test_what_is_associated_only_says_so(seen: Page) -> None:
    for words in ("An association: nobody was held back", "not by lot", "calibrated on simulated worlds", "“free”"):
        assert words in seen.text


def test_nothing_undefined_is_printed(record: ReportInput, seen: Page) -> None:
    everything = " ".join([seen.text, *(value for _, _, value in seen.attributes)])
    assert re.findall(r"\b(?:nan|NaN|inf|Infinity|None|null|undefined)\b", everything) == []
    for chapter in page.chapters(record):
        for section in chapter.sections if chapter.anchor in truth.READERS else ():
            drawn = section.figures[0].svg("a") + section.figures[-1].svg("b")
            assert not re.findall(r"NaN|undefined|Infinity|null", drawn)
            used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', drawn))
            assert used <= {light for light, _ in charts.PALETTE.values()}, "a colour that would glare in the dark"


def test_hostile_names_stay_text(record: ReportInput) -> None:
    hostile = '<script>alert("1")</script>|`x`[a](b)'
    word = level_sample.comparison(f"word:{hostile}", {"yes": 0.3, "no": -0.3})
    pattern = WhatPattern({f"word:{hostile}": word}, 20, 0.2)
    outcome = next(o for o in record.report.outcomes if o.learner == "what")
    said, told = level_sample.learned(outcome.tenant_id, hostile, "what", pattern, 0.9)
    tenant = replace(record.tenants[outcome.tenant_id], name=hostile, said={"what": said})
    poisoned = replace(record, report=replace(record.report, outcomes=(told,)), tenants={outcome.tenant_id: tenant})
    seen = Page(page.html(poisoned))
    assert "script" not in seen.tags
    assert hostile in seen.text
    assert "<script" not in markdown.markdown(poisoned)
    assert hostile in _printed(terminal.verdicts(poisoned.report), 160)


def test_two_hundred_tenants_unfold(seen: Page, undrawn: None) -> None:
    many = Page(page.html(four_questions(tenants=200)))
    assert len(many.rows["tenants"]) == 200 + 2  # two heads: the rest unfolds
    assert "170 more tenants" in many.text
    assert len(many.labels) <= len(seen.labels) + 10


def test_prefects_artifact_shows_all_four_patterns(record: ReportInput) -> None:
    written = markdown.markdown(record)
    pictures = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", written)
    assert sum(map(len, pictures)) <= markdown.MOST_BYTES
    assert all(b"<svg" in base64.b64decode(picture)[:200] for picture in pictures)
    for described in (
        "![Learned weights of", "angle: roi +35",
        "![Gain of every hour of the week for", "![Which channel follows which for", "best next: linkedin first",
    ):  # fmt: skip
        assert described in written
    assert "Blue dot: claimed, so engines act on it; grey ring: not claimed" in written
    assert "| hour: Tuesday 10:00 | +101\u00a0% | +99\u00a0% | yes |" in written


def test_pictures_that_do_not_fit_leave_one_of_each_question(
    record: ReportInput, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markdown, "MOST_BYTES", 100_000)
    written = markdown.markdown(record)
    assert len(re.findall(r"base64,[A-Za-z0-9+/=]+", written)) == 6
    for described in (
        "![Learned weights of",
        "![Change of the odds",
        "![Gain of every hour of the week",
        "linkedin +49",
    ):
        assert described in written
    assert "Conversions credited" not in written


def test_the_terminal_tells_four_answers_a_tenant_and_each_reason_once(record: ReportInput) -> None:
    told = _printed(terminal.verdicts(record.report), 80)
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("Northw"))
    assert len(re.findall(r"published|held", row)) == 4
    assert told.count("not shown to be better") == 1
    assert "Kestrel Logistics: 7.2 %" in " ".join(told.split())


def test_claims_fit_the_terminal(record: ReportInput) -> None:
    told = _printed(terminal.claims_beside_planted(record), 80)
    assert re.search(r"hour: Tuesday 10:00 +\+101\s% +\+99\s% +yes", told)
    assert "none is false" in " ".join(told.split())


def test_reasons_are_counted(record: ReportInput) -> None:
    reasons = unchanged.by_reason(record.report)
    assert [one.patterns for one in reasons] == sorted((one.patterns for one in reasons), reverse=True)
    held = [outcome for outcome in record.report.outcomes if outcome.ruling.value != "publish"]
    assert sum(one.patterns for one in reasons) == len(held)
    few = next(one for one in reasons if "too few" in one.why)
    assert few.whose == "Ember Coffee (who, what, when, how)"


def _printed(table: object, width: int) -> str:
    console = Console(width=width, record=True, file=StringIO())
    console.print(table)
    return console.export_text()
