"""Markdown, table rows, terminal tables and pictures of the same run."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from reports import charts, markdown, page, run_figures, terminal, who, who_figures
from reports.records import ReportInput
from tests.reports.sample import agency

PICTURE = r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+"


@pytest.fixture(scope="module")
def record() -> ReportInput:
    return agency()


@pytest.fixture(scope="module")
def written(record: ReportInput) -> str:
    return markdown.markdown(record)


def _printed(table: object, width: int = 140) -> str:
    console = Console(width=width, record=True, file=StringIO())
    console.print(table)
    return console.export_text()


def test_markdown_holds_its_pictures_within_the_limit(written: str) -> None:
    pictures = re.findall(PICTURE, written)
    assert len(pictures) >= 3
    assert sum(map(len, pictures)) <= markdown.MOST_BYTES
    assert "http" not in re.sub(PICTURE, "", written)


def test_markdown_names_every_tenant_and_reason(record: ReportInput, written: str) -> None:
    rows = [line for line in written.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(record.tenants)
    assert any("Ember Coffee | refused" in row for row in rows)
    reasons = [line for line in written.splitlines() if line.startswith("- ")]
    assert any("too few outcomes" in line and "Ember Coffee (who)" in line for line in reasons)
    assert any("Kestrel Logistics: 7.2 % of touches have no channel" in line for line in reasons)


def test_markdown_keeps_names_from_becoming_markup(record: ReportInput) -> None:
    outcome = replace(record.report.outcomes[0], tenant="a | b](x) <img src=x> `c`")
    written = markdown.markdown(replace(record, report=replace(record.report, outcomes=(outcome,))))
    assert "<img" not in written
    assert "a \\| b\\](x) &lt;img src=x&gt; \\`c\\`" in written


def test_table_rows_are_rounded_and_complete(record: ReportInput) -> None:
    rows = markdown.table(record)
    assert {row["tenant"] for row in rows} == {tenant.name for tenant in record.tenants.values()}
    for row in rows:
        assert all(value == round(value, 3) for value in row.values() if isinstance(value, float))
        assert row["says or why"]


def test_terminal_shows_learned_beside_planted_one_line_a_tenant(record: ReportInput) -> None:
    text = _printed(terminal.learned_beside_planted(record), width=80)
    for tenant in record.tenants.values():
        assert sum(tenant.name.split()[0] in line for line in text.splitlines()) == 1
    assert len(text.splitlines()) == len(record.tenants) + 6  # head, rule, and two sentences of two lines
    assert "rightly silent" in text
    assert "too early" in text
    assert "no claim about weights was false" in " ".join(text.split())


def test_terminal_verdicts_name_reasons_and_escape_markup(record: ReportInput) -> None:
    outcome = replace(record.report.outcomes[0], tenant="[red]Acme[/red]")
    text = _printed(terminal.verdicts(replace(record.report, outcomes=(outcome, *record.report.outcomes[1:]))))
    assert "[red]Acme[/red]" in text
    assert "quarantined" in text
    assert "too few outcomes" in text


def test_summary_is_one_line(record: ReportInput) -> None:
    assert terminal.summary(record.report).count("\n") == 0
    assert "15.7 s" in terminal.summary(record.report)


def test_every_drawing_is_valid_vega_lite(record: ReportInput) -> None:
    """Pages skip this validation, which takes as long as drawing."""
    outcomes = record.report.outcomes
    stories = [who.read(outcome, record.tenants[outcome.tenant_id]) for outcome in outcomes]
    told = [story for story in stories if story.weights]
    figures = [
        run_figures.confidence(outcomes, "Who converts?", 0.9),
        run_figures.dropped(record.report),
        run_figures.stages(record.report.seconds),
        who_figures.gains(told),
        who_figures.lifts(told),
        *(draw(told[0]) for draw in (who_figures.calibration, who_figures.dimensions)),
        who_figures.weights(told[0], 0.6),
    ]
    for figure in figures:
        figure.chart.to_dict(validate=True)


def test_a_picture_of_its_own_is_a_whole_file_on_white(record: ReportInput) -> None:
    image = run_figures.stages(record.report.seconds).image()
    assert image.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert 'fill="white"' in image


def test_palette_colours_are_all_different() -> None:
    lights = [light for light, _ in charts.PALETTE.values()]
    assert len(set(lights)) == len(lights)


def test_each_learner_has_its_chapter_and_gate() -> None:
    assert set(page.GATES) == set(page.CHAPTERS)
