"""`learnback plan` as a person types it: what it shows, writes, replays, and says of mistakes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from sqlalchemy import Engine, text

from settings import Settings
from store import loading, tenants
from store.scope import tenant_scope
from store.tenants import Tenant
from tests.cli.shell import Shell

RULES = """\
notice_hours = 0
[working_hours]
mon = "0-24"
tue = "0-24"
wed = "0-24"
thu = "0-24"
fri = "0-24"
sat = "0-24"
sun = "0-24"
[daily_caps]
email = 3
sms = 2
"""


@pytest.fixture
def shell(settings: Settings, tmp_path: Path) -> Shell:
    assert settings.database_url is not None
    (tmp_path / "rules.toml").write_text(RULES)
    return Shell(tmp_path).having(DATABASE_URL=settings.database_url.get_secret_value())


@pytest.fixture
def tenant(engine: Engine) -> Tenant:
    """A tenant with a hundred leads, ten of whom opted out."""
    created = tenants.create(engine, f"Tenant {uuid4()}")
    born = datetime.now(UTC) - timedelta(days=30)
    leads = [
        {
            "tenant_id": created.id.bytes, "lead_id": uuid4().bytes, "created_at": born, "status": "new",
            "converted_at": None, "email": "ada@corp.example", "phone": "+49 1", "opted_out": number < 10,
            "time_zone": "Europe/Berlin",
        }
        for number in range(100)
    ]  # fmt: skip
    loading.load_leads(engine, pl.DataFrame(leads, infer_schema_length=None))
    return created


def test_a_dry_run_shows_the_week_and_writes_nothing(shell: Shell, engine: Engine, tenant: Tenant) -> None:
    said = shell("plan", tenant.name, "--rules", "rules.toml", "--day", "2031-03-03", "--dry-run")
    assert (said.code, said.lines) == (0, [])
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert lines[0] == f"{tenant.name}: 35 touches for 100 leads. Nothing was written (--dry-run)."
    assert lines[1].split() == [
        "Mon", "03", "Mar", "Tue", "04", "Mar", "Wed", "05", "Mar", "Thu", "06", "Mar", "Fri", "07", "Mar",
        "Sat", "08", "Mar", "Sun", "09", "Mar", "all",
    ]  # fmt: skip
    assert [line.split() for line in lines[2:4]] == [["email", *"3333333", "21"], ["sms", *"2222222", "14"]]
    assert "  channel by: defaults, no_pattern (35)" in lines
    assert "  10 leads without: the person asked not to be contacted" in lines
    assert "  55 leads without: limits leave no channel, or no hour" in lines
    assert "policy how0 when0 explore0.1" in said.out
    assert open_touches(engine, tenant) == 0


def test_a_plan_is_written_told_as_json_and_replayed(shell: Shell, engine: Engine, tenant: Tenant) -> None:
    said = shell("plan", tenant.name, "--rules", "rules.toml", "--json")
    assert (said.code, said.err) == (0, "")
    (told,) = json.loads(said.out)
    assert told["tenant"] == tenant.name
    assert told["touches"] == sum(cell["touches"] for cell in told["cells"]) == open_touches(engine, tenant)
    assert told["touches"] + sum(told["refused"].values()) == told["leads"] == 100
    replayed = shell("plan", tenant.name, "--replay")
    assert replayed.code == 0
    same = f"{told['touches']} of {told['touches']} touches the same in channel, hour, propensity and reason."
    assert same in " ".join(replayed.out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rules", "none.toml"), "there are no rules at none.toml. docs/how-to/plan-touches.md has some to copy."),
        (("--day", "2001-01-01"), "2001-01-01 has passed. Add --dry-run to see what would have been planned."),
        (("--replay",), "there is no such plan of this tenant. `learnback plan` makes one."),
    ],
)
def test_mistakes_are_told_in_a_sentence(shell: Shell, tenant: Tenant, arguments: tuple[str, ...], said: str) -> None:
    told = shell("plan", tenant.name, *arguments)
    assert (told.code, told.out, told.lines) == (2, "", [said])


def test_a_replay_is_of_one_tenant(shell: Shell) -> None:
    told = shell("plan", "--replay")
    said = "a plan is replayed for one tenant. Name it: learnback plan TENANT --replay."
    assert (told.code, told.lines) == (2, [said])


def test_help_teaches_the_rules(shell: Shell) -> None:
    out = shell("plan", "--help").out
    for word in ("min_gap_days", "[working_hours]", "[daily_caps]", "[exploration]", "--dry-run", "--replay"):
        assert word in out


def open_touches(engine: Engine, tenant: Tenant) -> int:
    with tenant_scope(engine, tenant.id) as connection:
        return int(connection.scalar(text("SELECT count(*) FROM planned_touches WHERE state = 'waiting'")) or 0)
