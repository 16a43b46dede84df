"""Every command on a small real store: what it prints, what it changes, how it ends."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cli.demonstration import last_weekly_moment
from settings import Settings
from store import tenants
from store.scope import tenant_scope
from tests.cli.shell import ROOT, Said, Shell
from tests.fixtures_prefect import Prefect

X_EDUCATION = ROOT.parent / "shared" / "data" / "leads-x-education" / "Leads.csv"

RECIPE = """\
[tenant]
name = "Planted"
[time]
order_by = ["row_number"]
[lead]
key = ["id"]
converted = "won"
[components]
data_quality = "a"
authority = "b"
company_fit = "c"
timing = "d"
risk = "e"
"""


@dataclass(frozen=True)
class Agency:
    """A shell in which one tenant was imported and learned from. said: what its first commands said, by name."""

    shell: Shell
    tenant: str
    said: dict[str, Said]

    def json(self, *arguments: str) -> Any:
        said = self.shell(*arguments, "--json")
        assert (said.code, said.lines) == (0, []), said
        return json.loads(said.out)


def planted(folder: Path) -> tuple[str, str]:
    """Two thousand leads whose `d` alone decides, as a file and its recipe."""
    random.seed(7)
    rows = ["id,won,a,b,c,d,e"]
    for number in range(2_000):
        parts = [random.random() for _ in range(5)]
        won = random.random() < 1 / (1 + math.exp(5 - 7 * parts[3]))
        rows.append(f"lead {number},{int(won)},{','.join(f'{part:.3f}' for part in parts)}")
    (folder / "leads.csv").write_text("\n".join(rows))
    (folder / "planted.toml").write_text(RECIPE)
    return "leads.csv", "planted.toml"


@pytest.fixture(scope="module")
def agency(settings: Settings, prefect_server: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Agency:
    """X Education where the public data are there, a planted tenant elsewhere; imported, checked and learned from."""
    folder = tmp_path_factory.mktemp("agency")
    file, recipe = (str(X_EDUCATION), "x_education") if X_EDUCATION.exists() else planted(folder)
    assert settings.database_url is not None
    shell = Shell(folder).having(
        DATABASE_URL=settings.database_url.get_secret_value(), PREFECT_API_URL=prefect_server.api_url, GROUPS="2"
    )
    said = {
        "import": shell("import", file, "--map", recipe),
        "again": shell("import", file, "--map", recipe, "--json"),
        "check": shell.apart("check"),
        "learn": shell("learn"),
        "repeat": shell.apart("learn"),
    }
    return Agency(shell, "X Education" if X_EDUCATION.exists() else "Planted", said)


def test_importing_tells_what_came_in_and_twice_changes_nothing(agency: Agency) -> None:
    first, again = agency.said["import"], agency.said["again"]
    assert (first.code, again.code) == (0, 0)
    assert f"leads of {agency.tenant}: " in first.out
    assert "Next: learnback learn" in first.out
    assert json.loads(again.out)["changed"] == 0


def test_checking_counts_rows_and_says_nothing_beside_its_result(agency: Agency) -> None:
    """In a process of its own: neither Prefect nor Great Expectations has anything to say there."""
    said = agency.said["check"]
    assert (said.code, said.err) == (0, "")
    assert "Every column that the contract asks for is there, with the right type. Rows: 1 tenant, " in said.out
    assert "No defect was found." in said.out


def test_learning_publishes_and_shows_each_stage_with_its_seconds(agency: Agency) -> None:
    said = agency.said["learn"]
    assert (said.code, said.lines) == (0, [])
    for stage in ("Extracting tenants, leads and touches", "Judging against the incumbents", "Writing the report"):
        assert f"  {stage}: " in said.err
    assert "published" in said.out
    assert "1 tenant, 4 questions: 1 new pattern is in force" in " ".join(said.out.split())
    page = Path(said.out.rpartition("Report: ")[2].strip())
    assert agency.tenant in page.read_text()


def test_a_second_run_publishes_nothing_new_and_says_why(agency: Agency) -> None:
    """In a process of its own: no library says anything beside our own lines."""
    said = agency.said["repeat"]
    assert (said.code, said.lines) == (0, [])
    assert "held" in said.out
    assert "nothing new: same data, settings, code and priors" in " ".join(said.out.split())
    (head,) = agency.json("patterns", "list")["heads"]
    assert (head["tenant"], head["version"]) == (agency.tenant, 1)


def test_patterns_are_listed_shown_and_compared(agency: Agency) -> None:
    assert "version 1" in agency.shell("patterns", "list").out
    shown = agency.shell("patterns", "show", agency.tenant.upper(), "who").out
    assert f"{agency.tenant} · who · version 1" in shown
    assert "weights.timing" in shown
    assert "auc_in_force" in shown
    payload = agency.json("patterns", "show", agency.tenant, "who")["payload"]
    assert sum(payload["weights"]) == pytest.approx(1)
    assert "replaced the defaults" in agency.shell("patterns", "diff", agency.tenant, "who").out
    assert {"weights.timing", "slope"} <= {
        change["path"] for change in agency.json("patterns", "diff", agency.tenant, "who")["changed"]
    }
    assert agency.json("patterns", "diff", agency.tenant, "who", "1", "1")["changed"] == []
    assert "the documented defaults" in agency.shell("patterns", "history", agency.tenant, "who").out


def test_scores_follow_a_rollback_at_once(agency: Agency, engine: Engine) -> None:
    before = agency.json("score")
    assert [(line["tenant"], line["version"]) for line in before] == [(agency.tenant, 1)]
    learned = scores(engine, agency.tenant)
    said = agency.shell("patterns", "rollback", agency.tenant, "who", "--reason", "trying it")
    assert said.out == f"{agency.tenant} · who: the documented defaults are in force again. Nothing was deleted.\n"
    after = agency.shell("score", "--tenant", agency.tenant)
    assert "default weights" in after.out
    assert scores(engine, agency.tenant) != learned
    history = agency.json("patterns", "history", agency.tenant, "who")
    assert (history["in_force"], [found["version"] for found in history["versions"]]) == (0, [1])
    refused = agency.shell("patterns", "rollback", agency.tenant, "who")
    assert refused.code == 2
    assert agency.shell("patterns", "rollback", agency.tenant, "who", "--to", "1").code == 0
    agency.shell("score")
    assert scores(engine, agency.tenant) == learned


def scores(engine: Engine, tenant: str) -> list[float]:
    with tenant_scope(engine, tenants.resolve(engine, tenant).id) as connection:
        return list(connection.scalars(text("SELECT als_score FROM leads ORDER BY id")))


def test_patterns_that_do_not_exist(agency: Agency) -> None:
    for arguments, words in (
        (("show", "Nobody", "who"), "there is no tenant `Nobody`. Did you mean"),
        (("show", agency.tenant, "whom"), "there is no pattern type 'whom', and there is who"),
        (("show", agency.tenant, "who", "--version", "9"), "9"),
        (("diff", agency.tenant, "who", "8", "9"), "9"),
        (("rollback", agency.tenant, "who", "--to", "9"), "9"),
    ):
        said = agency.shell("patterns", *arguments)
        assert (said.code, said.out) == (2, "")
        assert words in said.err


def test_the_lake_answers_sql(agency: Agency) -> None:
    query = "SELECT name, count(converted_at) AS won FROM leads JOIN tenants USING (tenant_id) GROUP BY name"
    (row,) = agency.json("sql", query)
    assert row["name"] == agency.tenant
    assert agency.shell("sql", query).out.split()[:2] == ["name", "won"]
    wide = agency.shell("sql", "SELECT * FROM leads LIMIT 3").out
    assert len(wide.splitlines()) == 4  # a pipe gets a row a line, however long
    assert {"tenants", "leads", "touches"} <= {row["table_name"] for row in agency.json("sql")}


def test_the_newest_report_is_named(agency: Agency) -> None:
    said = agency.shell("report", "--no-open")
    assert (said.code, Path(said.out.strip()).name) == (0, "latest.html")
    assert Path(said.out.strip()).exists()


def test_status_and_doctor_speak_json(agency: Agency) -> None:
    standing = agency.json("status")
    assert (standing["server"], standing["database"]) == ("own", "own")
    lines = {line["name"]: line["finding"] for line in agency.json("doctor")}
    assert lines["database"] == "ok"
    assert "own" in agency.shell("status").out


def test_data_docs_are_written_for_a_browser(agency: Agency) -> None:
    said = agency.shell("check", "--docs")
    page = Path(said.out.splitlines()[-1])
    assert "Expectations" in page.read_text()


def test_a_tenant_left_out_ends_with_three_while_others_go_on(agency: Agency, engine: Engine) -> None:
    with tenant_scope(engine, tenants.create(engine, "Poisoned").id) as connection:
        connection.execute(
            text(
                "INSERT INTO leads (tenant_id, id, created_at, status) "
                "SELECT id, gen_random_uuid(), now(), '???' FROM tenants WHERE name = 'Poisoned'"
            )
        )
    checked = agency.shell("check", "--json")
    assert checked.code == 3
    assert [left_out["tenant"] for left_out in json.loads(checked.out)["quarantined"]] == ["Poisoned"]
    learned = agency.shell("learn")
    assert learned.code == 3
    assert "quarantined" in learned.out
    assert "Poisoned is quarantined: " in learned.err
    assert {head["tenant"]: head["version"] for head in agency.json("patterns", "list")["heads"]} == {agency.tenant: 1}


def test_ctrl_c_says_what_it_left(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object, *, as_json: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.lake.ask", interrupted)
    said = shell("sql")
    assert (said.code, said.out) == (130, "")
    assert said.lines == ["Stopped. Nothing is half-written; the same command starts again."]


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        (datetime(2026, 3, 1, 2, 0, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=UTC)),
        (datetime(2026, 3, 1, 1, 59, tzinfo=UTC), datetime(2026, 2, 22, 2, tzinfo=UTC)),
        (datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=UTC)),
    ],
)
def test_the_demo_learns_as_of_the_last_weekly_run(now: datetime, moment: datetime) -> None:
    assert last_weekly_moment(now) == moment
