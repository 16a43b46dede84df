"""The page: complete, self-contained, honest about what it cannot say, safe against hostile names."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from contracts.learning import Finding, Incumbent, Ruling, Verdict
from contracts.refusal import Reason
from contracts.runs import LearningReport
from reports import charts, page, words
from reports.records import ReportInput, Said, Tenant
from tests.reports.sample import AS_OF, agency

VOID = {"meta", "link", "br", "img", "input", "hr", "path", "line", "rect", "circle"}


class Page(HTMLParser):
    """Reads a page as a browser would, and remembers what a test wants to know. Raises on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.text = ""
        self._section = ""
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "section":
            self._section = found.get("id", "")
        if tag == "svg":
            self.labels.append(found.get("aria-label", ""))
        if tag == "tr":
            self.rows.setdefault(self._section, []).append([])
        if tag in {"td", "th"} and self.rows.get(self._section):
            self.rows[self._section][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "text"}:
            self.text += data
        cells = self.rows.get(self._section)
        if cells and cells[-1] and {"td", "th"} & set(self.open):
            cells[-1][-1] += data

    def column(self, section: str, number: int) -> list[str]:
        """One column of a section's first table and what unfolds below it; heads left out."""
        rows = self.rows[section]
        return [row[number].strip() for row in rows if row[0] != rows[0][0]]


@pytest.fixture(scope="module")
def record() -> ReportInput:
    return agency()


@pytest.fixture(scope="module")
def text(record: ReportInput) -> str:
    return page.html(record)


@pytest.fixture(scope="module")
def seen(text: str) -> Page:
    return Page(text)


def test_opens_with_one_sentence_that_counts_every_tenant(record: ReportInput, seen: Page) -> None:
    sentence = words.result(record.report)
    assert sentence in seen.text
    assert sentence == (
        "Of 12 tenants, 6 got a new pattern, 4 keep what they had, "
        "1 has too little to go on and 1 was left out for bad data."
    )


def test_names_every_tenant_exactly_once_in_the_table(record: ReportInput, seen: Page) -> None:
    assert sorted(seen.column("tenants", 0)) == sorted(tenant.name for tenant in record.tenants.values())


def test_tells_every_reason_in_words_with_the_number_that_decided(seen: Page) -> None:
    said = dict(zip(seen.column("tenants", 0), seen.column("tenants", 1), strict=True))
    assert "Too few outcomes to learn from (3, wanted 10)" in said["Ember Coffee"]
    assert re.search(r"held 80\s%Not shown to be better than what is in force", said["Lumen Analytics"])
    assert "7.2 % of touches have no channel" in said["Kestrel Logistics"]
    assert not any(reason.value in seen.text for reason in Reason if "_" in reason.value)


def test_shows_what_was_learned_beside_what_was_planted(seen: Page) -> None:
    judged = dict(zip(seen.column("planted", 0), seen.column("planted", 5), strict=True))
    assert judged["Brightside Solar"] == "rightly silent: nothing to find"
    assert judged["Ember Coffee"] == "rightly refused: too early"
    assert re.fullmatch(r"nearer the truth: 0\.\d\d off, the defaults 0\.\d\d", judged["Pinewood Clinics"])
    assert judged["Kestrel Logistics"] == "left out: its data is bad"
    assert "no claim about weights was false" in seen.text


def test_restates_the_words_of_success(seen: Page) -> None:
    assert "100 conversions, not 100 leads" in seen.text
    assert "even a perfect score would make" in seen.text
    assert "These are associations" in seen.text


def test_asks_nobody_for_anything(record: ReportInput, text: str, seen: Page) -> None:
    without_link = text.replace(f'<a href="{record.run_url}">', "<a>")
    assert text != without_link, "the run's address is a link"
    assert not re.search(r"https?:|//|@import|url\((?!#)", without_link)
    assert not {"script", "iframe", "link", "img", "object", "embed"} & set(seen.tags)
    assert not [name for _, name, _ in seen.attributes if name.startswith("on") or name == "src"]


def test_pictures_are_described_and_do_not_share_ids(seen: Page) -> None:
    assert len(seen.labels) >= 15
    assert all(len(label) > 20 for label in seen.labels)
    assert len(seen.ids) == len(set(seen.ids))
    assert any("Learned weights of Pinewood Clinics: Data quality" in label for label in seen.labels)


def test_colours_of_pictures_follow_the_scheme(text: str) -> None:
    """Every colour in a picture is one that the style sheet exchanges; otherwise it would glare in the dark."""
    figures = re.findall(r"<svg.*?</svg>", text, flags=re.S)
    used = {colour for figure in figures for colour in re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', figure)}
    assert used <= {light for light, _ in charts.PALETTE.values()}
    assert len(used) > 5


def test_hostile_names_stay_text(record: ReportInput) -> None:
    hostile = '<script>alert("1")</script>\'"&<svg onload=x>'
    outcomes = tuple(replace(outcome, tenant=hostile, explained=hostile) for outcome in record.report.outcomes[:2])
    quarantined = tuple(replace(left, tenant=hostile, reason=hostile) for left in record.report.quarantined)
    poisoned = replace(
        record,
        report=replace(record.report, outcomes=outcomes, quarantined=quarantined),
        title=hostile,
        settings={hostile: hostile},
    )
    seen = Page(page.html(poisoned))
    assert "script" not in seen.tags
    assert not [name for _, name, _ in seen.attributes if name.startswith("on")]
    assert hostile in seen.text


def test_never_prints_a_number_that_is_none(record: ReportInput) -> None:
    nan = float("nan")
    outcomes = [replace(outcome, confidence=nan) for outcome in record.report.outcomes]
    report = replace(record.report, outcomes=tuple(outcomes), seconds={"extract": nan, "learn": 1.0})
    tenants = {key: _without_numbers(tenant) for key, tenant in record.tenants.items()}
    seen = Page(page.html(replace(record, report=report, tenants=tenants)))
    everything = " ".join([seen.text, *seen.labels, *(value for _, _, value in seen.attributes)])
    assert re.findall(r"\b(?:nan|NaN|inf|Infinity|None|null|undefined)\b", everything) == []


def _without_numbers(tenant: Tenant) -> Tenant:
    """The same tenant, every number of its proof replaced by NaN."""
    said = {
        name: replace(one, verdict=replace(one.verdict, judged_on=_spoiled(one.verdict.judged_on)))
        for name, one in tenant.said.items()
        if one.verdict
    }
    return replace(tenant, said=said)


def _spoiled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spoiled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spoiled(item) for item in value]
    return math.nan if isinstance(value, float) else value


def test_needs_nothing_but_the_report(record: ReportInput) -> None:
    seen = Page(page.html(ReportInput(record.report)))
    assert len(seen.column("tenants", 0)) == 12
    assert "Texts, hours and channels" not in seen.text
    assert "planted" not in seen.rows
    assert "simulated" not in seen.text


def test_a_run_without_tenants_says_so() -> None:
    nothing = LearningReport(UUID(int=1), AS_OF, False, (), ())
    assert "There was no tenant to learn for." in Page(page.html(ReportInput(nothing))).text


def test_a_second_run_shows_the_weights_that_stay_in_force(record: ReportInput) -> None:
    """Published earlier, unchanged now: the incumbent's weights are drawn, not the finding that was not needed."""
    outcome = next(o for o in record.report.outcomes if o.ruling is Ruling.PUBLISH)
    tenant = record.tenants[outcome.tenant_id]
    finding = tenant.said["who"].finding
    assert isinstance(finding, Finding)
    held = replace(outcome, ruling=Ruling.HOLD, reason=Reason.UNCHANGED, version=3)
    other = {**finding.payload, "weights": [0.9, 0.1, 0.0, 0.0, 0.0]}
    said = Said(replace(finding, payload=other), Verdict(Ruling.HOLD), Incumbent(3, finding.payload))
    report = replace(record.report, outcomes=(held,), quarantined=())
    text = page.html(replace(record, report=report, tenants={outcome.tenant_id: replace(tenant, said={"who": said})}))
    assert "Data quality 90" not in text
    assert "version 3 in force" in text
    assert "nothing new: same data" in text.lower()


def test_two_hundred_tenants_are_all_in_the_table_and_few_are_drawn() -> None:
    record = agency(tenants=200)
    text = page.html(record)
    seen = Page(text)
    assert sorted(seen.column("tenants", 0)) == sorted(tenant.name for tenant in record.tenants.values())
    assert len(seen.labels) <= 40
    assert "tenants are drawn: those with most outcomes" in seen.text
    assert len(text) < 1_500_000
