"""What a person sees while a command works, and how a payload reads."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from cli import payloads, terminal
from tasks import stages

PAYLOAD = {
    "weights": [0.25, 7.9e-54],
    "components": ["authority", "timing"],
    "slope": 12.60828,
    "edges": [10.0, 20.0, 30.0],
    "dimensions": [
        {"n": 7, "level": "india", "dimension": "country"},
        {"n": 9, "level": "[red]", "dimension": "country"},
    ],
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What `errors` prints, in a terminal that is none."""
    written = io.StringIO()
    monkeypatch.setattr(terminal, "errors", Console(file=written, width=80, markup=False))
    return written


def test_progress_prints_what_was_done_and_only_that_where_nobody_looks(shown: io.StringIO) -> None:
    with terminal.progress("Starting …") as log:
        log.info("Loading …")
        log.info("Loading: 20 rows …")
        log.info("Loading: 0.3 s")
        log.warning("[Acme] is quarantined")
    logging.getLogger("learnback").info("after the block")
    assert shown.getvalue() == "  Loading: 0.3 s\n  [Acme] is quarantined\n"


def test_a_terminal_counts_on_while_the_same_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal cannot go back on its line
    monkeypatch.setattr(terminal, "errors", Console(file=written, width=80, force_terminal=True))
    reset: list[str] = []
    monkeypatch.setattr("cli.terminal.Progress.reset", lambda self, line, description: reset.append(description))
    with terminal.progress("Starting …") as log:
        for message in ("Loading …", "Loading: 20 rows …", "Loading: 40 rows …", "Judging …"):
            log.info(message)
    assert reset == ["Loading …", "Judging …"]
    assert "Loading: 40 rows" in written.getvalue()


def test_rows_are_announced_once_a_second_and_not_to_prefects_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter((0.0, 0.4, 1.1, 1.2, 2.5))
    monkeypatch.setattr("tasks.stages.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with caplog.at_level(logging.INFO, "learnback"):
        tell = stages.counting(" by stream 1")
        for extract in ("leads", "touches", "touches", "touches"):
            tell(extract, 1_000)
    assert caplog.messages == [
        "Extracting tenants, leads and touches: 1,000 touches read by stream 1 …",
        "Extracting tenants, leads and touches: 3,000 touches read by stream 1 …",
    ]
    assert not any(record.send_to_api for record in caplog.records)  # type: ignore[attr-defined]


def test_a_page_is_named_where_no_screen_can_show_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    for name in terminal.SCREENS:
        monkeypatch.delenv(name, raising=False)
    terminal.open_page(Path("/somewhere/page.html"))
    assert (opened, capsys.readouterr().out) == ([], "/somewhere/page.html\n")
    monkeypatch.setenv("DISPLAY", ":0")
    terminal.open_page(Path("/somewhere/page.html"))
    assert opened == ["file:///somewhere/page.html"]


def test_leaves_are_named_by_the_names_and_words_beside_them() -> None:
    assert dict(payloads.leaves(PAYLOAD)) == {
        "weights.authority": 0.25,
        "weights.timing": 7.9e-54,
        "slope": 12.60828,
        "edges.0": 10.0,
        "edges.1": 20.0,
        "edges.2": 30.0,
        "dimensions.india/country.n": 7,
        "dimensions.india/country.level": "india",
        "dimensions.india/country.dimension": "country",
        "dimensions.[red]/country.n": 9,
        "dimensions.[red]/country.level": "[red]",
        "dimensions.[red]/country.dimension": "country",
    }


def test_a_payload_reads_as_lines_and_tables() -> None:
    console = Console(width=80, record=True, file=io.StringIO(), markup=False)
    console.print(payloads.drawn({**PAYLOAD, "folds": [{"begins": f"day {n}", "auc": 0.5} for n in range(20)]}))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert "  weights.timing     0" in lines
    assert "level  dimension  n" in lines
    assert "[red]  country    9" in lines
    assert "… and 8 more; --json gives all" in lines


@pytest.mark.parametrize(("value", "words"), [(12.60828, "12.6083"), (-1e-9, "0"), (None, "absent"), (True, "True")])
def test_a_value_reads_short(value: object, words: str) -> None:
    assert payloads.shown(value) == words
