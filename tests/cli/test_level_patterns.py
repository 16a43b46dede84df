"""`learnback patterns …` on patterns of levels: what is claimed, then tables of levels by gain with intervals."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console
from sqlalchemy import Engine

from cli import comparisons, payloads
from contracts.learning import Evidence, Finding, Payload, Ruling, Verdict
from contracts.when import WhenPattern
from settings import Settings
from store import book, tenants
from store.book import Publication
from tests.cli.shell import Shell
from tests.reports import level_sample

TRIALS = {
    "hours": {"standing": "new", "key": "tue-10", "confidence": 0.9},
    "gaps": {"standing": "silent", "key": "4-5", "confidence": 0.2},
}


@pytest.fixture(scope="module")
def acme(engine: Engine) -> str:
    """A tenant with two versions of WHEN and one of HOW."""
    tenant = tenants.create(engine, "Acme of levels")
    stronger = level_sample.comparison("hours", {"tue-10": 0.5, "mon-10": 0.0, "wed-10": -0.1}, n=900)
    for payload in (level_sample.when().to_payload(), WhenPattern(stronger, None).to_payload()):
        _publish(engine, tenant, "when", payload)
    _publish(engine, tenant, "how", level_sample.how(value=True).to_payload())
    return tenant.name


def _publish(engine: Engine, tenant: tenants.Tenant, name: str, payload: Payload) -> None:
    now = datetime.now(UTC)
    finding = Finding(payload, Evidence(20_000, 1_000), inputs_sha256=uuid4().hex)
    verdict = Verdict(Ruling.PUBLISH, 0.9, judged_on=TRIALS)
    publication = Publication(tenant.id, name, finding, verdict, now + timedelta(days=28), "c0de")
    book.publish(engine, [publication], run_id=uuid4(), as_of=now, actor="test")


@pytest.fixture
def shell(settings: Settings, acme: str, tmp_path: Path) -> Shell:
    assert settings.database_url is not None
    return Shell(tmp_path).having(DATABASE_URL=settings.database_url.get_secret_value(), HOME=settings.home)


def test_a_pattern_of_levels_is_shown_as_tables(shell: Shell, acme: str) -> None:
    said = shell("patterns", "show", acme, "when", "--version", "1")
    assert said.code == 0, said.err
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "learned from 20,000 touches, 1,000 outcomes (observational: associations, not causes)" in lines
    assert "confidence 90 %" in lines
    assert "hour: Tuesday 10:00, +101 % odds, an outcome at 6.5 % of touches instead of 5.0 %" in lines
    assert "Tuesday 10:00 400 20 2 % +101 % +71 % to +137 % 90 % > 99 %" in lines
    assert "gap: nothing is claimed" in lines
    assert any(line.startswith("touch n s ") for line in lines)  # what numbers the rows stands first
    assert any({"hours", "new", "tue-10", "0.9"} == set(line.split()) for line in lines)  # judged on
    assert not [line for line in lines if "levels." in line or line.startswith("{")]


def test_channels_and_what_only_describes_are_shown_too(shell: Shell, acme: str) -> None:
    said = shell("patterns", "show", acme, "how").out
    for words in ("next channel: linkedin first", "channel: linkedin", "linkedin after email", "email, sms", "shapley"):
        assert words in said
    assert "['" not in said


def test_history_counts_touches(shell: Shell, acme: str) -> None:
    said = shell("patterns", "history", acme, "when").out.splitlines()
    assert "touches" in said[0]
    assert [line.strip().split()[0] for line in said if line.strip()[:1] in "▶10"] == ["▶", "1", "0"]


def test_a_diff_tells_claims_before_levels(shell: Shell, acme: str) -> None:
    said = shell("patterns", "diff", acme, "when").out.splitlines()
    changed = [line.split(":")[0].strip() for line in said[1:]]
    first_level = next(place for place, path in enumerate(changed) if ".levels." in path)
    assert "hours.recommendation.gain" in changed[:first_level]
    assert all(".levels." in path or path.startswith("…") for path in changed[first_level:])


def test_scripts_get_the_payload_as_it_is_stored(shell: Shell, acme: str) -> None:
    document = json.loads(shell("patterns", "show", acme, "when", "--version", "1", "--json").out)
    assert document["payload"] == json.loads(json.dumps(level_sample.when().to_payload()))


def test_many_levels_are_told_by_their_ends() -> None:
    lines = _lines(level_sample.when().to_payload())
    assert "… and 38 more between the best and the worst; --json gives all" in lines
    shown = [line.split()[0] for line in lines if line.split()[1:2] and line.split()[1].endswith(":00")]
    assert shown[0] == "Tuesday"
    assert len(shown) == comparisons.MOST_LEVELS


def test_lines_fit_eighty_columns() -> None:
    for payload in (
        level_sample.when().to_payload(),
        level_sample.how().to_payload(),
        level_sample.what().to_payload(),
    ):
        assert max(map(len, _lines(payload))) <= 80


def test_what_is_no_comparison_stays_lines() -> None:
    odd = {"levels": [{"key": "a"}], "recommendation": None}
    assert comparisons.read(odd) is None
    assert comparisons.read(level_sample.hours().to_payload()) == level_sample.hours()
    assert comparisons.split({"odd": odd, "schema": 1}) == ([], {"odd": odd, "schema": 1})


def _lines(payload: Any) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO(), markup=False)
    console.print(payloads.drawn(payload))
    return [line.rstrip() for line in console.export_text().splitlines()]
