"""Starting runs: through Prefect's own API, once a key, in the audit log of everyone whom it concerns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters import prefect_status
from adapters.prefect_deployments import register
from api import runs
from api.app import create_app
from contracts.errors import DatabaseError
from settings import Settings
from store import audit
from tests.api.agency import Agency
from tests.fixtures_prefect import Prefect

DEPLOYMENT = """
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ $LEARNBACK_WORKDIR }}"
deployments:
  - name: "weekly"
    entrypoint: "tests.api.flows_for_tests:learning"
    schedules: []
    work_pool:
      name: "learnback"
"""

LEARN = "/patterns/learn"

Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(agency: Agency, prefect_server: Prefect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The API beside a server that knows a deployment; looks a run up there by its id."""
    file = tmp_path / "prefect.yaml"
    file.write_text(DEPLOYMENT)
    register(prefect_server.settings, file)
    monkeypatch.setattr(runs, "LEARN", "api-learning/weekly")
    agency.app.state.service = create_app(prefect_server.settings, agency.engine).state.service

    def look(identity: str) -> dict[str, Any]:
        return dict(prefect_status.ask(prefect_server.api_url, f"/flow_runs/{identity}", None, method="GET"))

    return look


def started(agency: Agency, tenant: str) -> list[audit.Entry]:
    return [entry for entry in audit.entries(agency.engine, agency.ids[tenant]) if entry.action == "start_run"]


def test_a_run_is_started_with_what_was_asked_for(agency: Agency, run: Run, prefect_server: Prefect) -> None:
    order = {
        "tenants": ["acme", str(agency.ids["Acme"]).upper()],
        "as_of": "2026-03-01T04:00:00+02:00",
        "dry_run": True,
    }
    answer = agency.ask("POST", LEARN, "Acme operator", json=order)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    asked = {"tenants": [str(agency.ids["Acme"])], "as_of": "2026-03-01T02:00:00Z", "dry_run": True}
    found = run(told["run_id"])
    assert found["parameters"] == {"request": asked}, (
        "one tenant, by its id; what was left out stays the flow's to choose"
    )
    assert (found["name"], found["state_type"] in {"SCHEDULED", "PENDING", "RUNNING", "COMPLETED"}) == (
        told["name"],
        True,
    )
    page = f"{prefect_server.api_url.removesuffix('/api')}/runs/flow-run/{told['run_id']}"
    assert (told["url"], answer.headers["location"], told["new"]) == (page, page, True)
    entry = started(agency, "Acme")[0]
    assert entry.actor == f"token {agency.tokens['Acme operator'].split('_')[1]}"
    assert entry.detail == {
        "deployment": "api-learning/weekly", "run_id": told["run_id"], "parameters": {"request": asked},
    }  # fmt: skip
    assert started(agency, "Beta") == []


def test_a_run_for_all_stands_in_everyones_log(agency: Agency, run: Run) -> None:
    before = {name: len(started(agency, name)) for name in agency.ids}
    told = agency.ask("POST", LEARN, "all operator").json()
    assert run(told["run_id"])["parameters"] == {"request": {"tenants": []}}
    assert {name: len(started(agency, name)) for name in agency.ids} == {name: n + 1 for name, n in before.items()}


def test_the_same_key_starts_one_run(agency: Agency, run: Run) -> None:
    sent = {"headers": {"Idempotency-Key": "monday"}, "json": {"tenants": ["Acme"]}}
    first, again = (agency.ask("POST", LEARN, "Acme operator", **sent) for _ in range(2))  # type: ignore[arg-type]
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() | {"new": False} == again.json()
    assert [entry.detail["run_id"] for entry in started(agency, "Acme")].count(first.json()["run_id"]) == 1
    other = agency.ask("POST", LEARN, "all operator", **sent)  # type: ignore[arg-type]
    assert other.json()["run_id"] != first.json()["run_id"], "a key belongs to its token"


def test_the_same_key_for_something_else_is_a_conflict(agency: Agency, run: Run) -> None:
    key = {"Idempotency-Key": "tuesday"}
    first = agency.ask("POST", LEARN, "Acme operator", key, json={"tenants": ["Acme"]})
    other = agency.ask("POST", LEARN, "Acme operator", key, json={"tenants": ["Acme"], "dry_run": True})
    assert (first.status_code, other.status_code) == (202, 409)
    assert other.json()["detail"] == (
        f"this Idempotency-Key has started another run, {first.json()['url']}: choose a new key for a new request."
    )


def test_a_server_without_the_deployment_is_told_so(agency: Agency, run: Run) -> None:
    """A server on which nobody has registered the deployment."""
    answer = agency.ask("POST", "/patterns/backfill/Acme", "Acme admin")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"].startswith(
        "the Prefect server knows no deployment pattern-backfill/manual. `learnback up` registers every deployment"
    )


def test_without_a_server_the_command_that_starts_one_is_named(
    agency: Agency, engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    agency.app.state.service = create_app(settings, engine).state.service
    before = len(started(agency, "Acme"))
    for path in (LEARN, "/patterns/backfill/Acme"):
        answer = agency.ask("POST", path, "all admin")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "no Prefect server runs here. Start it with `learnback up`."
    assert len(started(agency, "Acme")) == before, "nothing was started, so nothing is noted"


def test_a_server_that_does_not_answer(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.delenv("LEARNBACK_APPLIED", raising=False)
    answer = agency.ask("POST", LEARN, "all operator")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("the Prefect server does not answer.")


def test_what_cannot_be_noted_is_not_started(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit log's transaction is open before Prefect is asked."""
    asked = []
    monkeypatch.setattr(runs, "start_run", lambda *_, **__: asked.append(1))
    monkeypatch.setattr(runs, "batch_scope", _no_database)
    assert agency.ask("POST", LEARN, "all operator").status_code == 503
    assert asked == []


def _no_database(engine: Engine) -> None:
    raise DatabaseError("the database is away")
