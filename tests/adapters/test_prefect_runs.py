"""From a declared deployment to a finished run: registered, scheduled by the server, executed by the worker."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import prefect_process, prefect_status
from adapters import prefect_worker as worker
from adapters.prefect_deployments import Registered, register
from settings import load
from tests.fixtures_prefect import Prefect

PATIENCE = 90.0  # a run is seen after about 10 s; other jobs may have the machine
OFTEN = 10  # seconds; whichever of the scheduler's two loops (5 s, 60 s) plans the runs, one is due soon after

DEPLOYMENT = """
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{{{{ $LEARNBACK_WORKDIR }}}}"
deployments:
  - name: "{name}"
    entrypoint: "tests.adapters.flows_for_tests:greeting"
    description: "{description}"
    parameters: {{"request": {{"name": "Sunday"}}}}
    schedules:
      - {{"slug": "soon", "interval": {every}, "anchor_date": "{anchor}", "timezone": "UTC", "active": {active}}}
    concurrency_limit: {{"limit": 3, "collision_strategy": "ENQUEUE"}}
    work_pool:
      name: "learnback"
      job_variables: {{"env": {{"LEARNBACK_HOME": "{{{{ $LEARNBACK_HOME }}}}"}}}}
"""

Declare = Callable[..., Path]
Runs = list[dict[str, Any]]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Writes a prefect.yaml of one deployment."""

    def write(name: str, *, description: str = "greets", every: int = 36000, active: bool = True) -> Path:
        anchor = (datetime.now(UTC) + timedelta(seconds=every)).replace(microsecond=0)
        file = tmp_path / "prefect.yaml"
        values = {"name": name, "description": description, "anchor": anchor.isoformat()}
        file.write_text(DEPLOYMENT.format(**values, every=every, active=json.dumps(active)))
        return file

    return write


def ask(prefect: Prefect, path: str, **body: Any) -> Any:
    return prefect_status.ask(prefect.api_url, path, body)


def deployment(prefect: Prefect, name: str) -> dict[str, Any]:
    return dict(prefect_status.ask(prefect.api_url, f"/deployments/name/greeting/{name}", None, method="GET"))


def switch(prefect: Prefect, row: dict[str, Any], *, active: bool) -> None:
    """What the switch beside a schedule in the UI does."""
    path = f"/deployments/{row['id']}/schedules/{row['schedules'][0]['id']}"
    prefect_status.ask(prefect.api_url, path, {"active": active}, method="PATCH")


def by_operator(prefect: Prefect, row: dict[str, Any], *, times: int) -> str:
    """The id of a run as the form in the UI asks for it."""
    request = {"name": "operator", "times": times}
    path = f"/deployments/{row['id']}/create_flow_run"
    return str(ask(prefect, path, parameters={"request": request}, state={"type": "SCHEDULED"})["id"])


def finished(prefect: Prefect, deployment_id: str, enough: Callable[[Runs], bool]) -> Runs:
    """The deployment's ended runs, once they are enough; fails with what the worker wrote where they never are."""
    question = {
        "deployments": {"id": {"any_": [deployment_id]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}},
        "sort": "START_TIME_ASC",
    }
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        runs: Runs = ask(prefect, "/flow_runs/filter", **question)
        if enough(runs):
            return runs
        time.sleep(0.25)
    pytest.fail((prefect.settings.root / "logs" / "worker.log").read_text()[-3000:])


def test_a_scheduled_run_fires_and_an_operators_run_takes_its_parameters(
    prefect_worker: Prefect, declare: Declare
) -> None:
    """SQLAlchemy 2.1 breaks the first half silently: the server looks healthy and its scheduler plans no run.

    So what the registration planned is thrown away, and the server's own loop has to plan it again.
    """
    created = (Registered("greeting/scheduled", "created"),)
    assert register(prefect_worker.settings, declare("scheduled", every=OFTEN)) == created
    row = deployment(prefect_worker, "scheduled")
    switch(prefect_worker, row, active=True)
    assert ask(prefect_worker, "/flow_runs/filter", deployments={"id": {"any_": [row["id"]]}}) == []
    by_hand, bad = (by_operator(prefect_worker, row, times=times) for times in (2, 0))
    try:
        runs = finished(
            prefect_worker,
            row["id"],
            lambda runs: {by_hand, bad} <= {run["id"] for run in runs} and any(run["auto_scheduled"] for run in runs),
        )
        status = next(s for s in prefect_status.deployments(prefect_worker.api_url) if s.id == row["id"])
    finally:
        switch(prefect_worker, row, active=False)
    ended = {run["id"]: run["state"] for run in runs}

    scheduled = next(run for run in runs if run["auto_scheduled"])
    assert scheduled["state"]["type"] == "COMPLETED", scheduled["state"]
    assert scheduled["parameters"] == {"request": {"name": "Sunday"}}
    assert ended[by_hand]["type"] == "COMPLETED"
    said = ask(prefect_worker, "/artifacts/filter", artifacts={"flow_run_id": {"any_": [by_hand]}})
    assert [artifact["data"] for artifact in said] == ["hello operator hello operator"]
    assert ended[bad]["type"] == "FAILED"
    assert "times is 0, and 1 or more is needed. Ask for at least one greeting." in ended[bad]["message"]

    assert (status.name, status.schedule) == ("greeting/scheduled", f"every {OFTEN} s")
    assert status.last_run
    assert prefect_status.workers_online(prefect_worker.api_url) == 1
    assert set(prefect_worker.looked_up) == {"localhost"}, "server, worker and runs ask for nothing but what greet asks"


def test_what_is_as_declared_is_not_touched(prefect_server: Prefect, declare: Declare) -> None:
    file = declare("twice")
    register(prefect_server.settings, file)
    before = deployment(prefect_server, "twice")
    assert register(prefect_server.settings, file) == (Registered("greeting/twice", "unchanged"),)
    after = deployment(prefect_server, "twice")
    assert (after["updated"], after["schedules"]) == (before["updated"], before["schedules"])


def test_a_changed_line_changes_the_deployment_and_keeps_its_schedule(
    prefect_server: Prefect, declare: Declare
) -> None:
    register(prefect_server.settings, declare("changing", description="before"))
    before = deployment(prefect_server, "changing")
    assert register(prefect_server.settings, declare("changing", description="after"))[0].change == "updated"
    after = deployment(prefect_server, "changing")
    assert (after["id"], after["description"]) == (before["id"], "after")
    assert [row["id"] for row in after["schedules"]] == [row["id"] for row in before["schedules"]]


def test_a_pause_by_hand_outlives_the_next_registration(prefect_server: Prefect, declare: Declare) -> None:
    file = declare("paused")
    register(prefect_server.settings, file)
    switch(prefect_server, deployment(prefect_server, "paused"), active=False)
    assert register(prefect_server.settings, file)[0].change == "unchanged"
    assert deployment(prefect_server, "paused")["schedules"][0]["active"] is False


def test_a_retired_plan_stays_and_sleeps(prefect_server: Prefect, declare: Declare) -> None:
    register(prefect_server.settings, declare("retiring"))
    assert register(prefect_server.settings, declare("retiring", active=False))[0].change == "updated"
    assert deployment(prefect_server, "retiring")["schedules"][0]["active"] is False


def test_the_form_explains_the_parameters(prefect_server: Prefect, declare: Declare) -> None:
    register(prefect_server.settings, declare("form"))
    schema = deployment(prefect_server, "form")["parameter_openapi_schema"]
    assert schema["properties"]["request"]["description"] == "whom, and how often."
    fields = schema["definitions"]["Greeting"]["properties"]
    assert fields["times"]["description"] == "How often; at least once"


def test_a_second_worker_is_not_started(prefect_worker: Prefect) -> None:
    found = worker.find_worker(prefect_worker.settings)
    assert found
    again = worker.start_worker(prefect_worker.settings)
    assert (again.pid, again.started_here) == (found.pid, False)


def test_a_worker_that_outlived_its_server_is_replaced(prefect_server: Prefect, tmp_path: Path) -> None:
    """It asks at a port where nobody listens any more; here a process that does nothing stands in for it."""
    settings = load(home=tmp_path)
    server = prefect_process.read(prefect_process.server_file(prefect_server.settings))
    assert server
    assert server.port
    prefect_process.write(prefect_process.server_file(settings), server)
    idle = ["timeit", "-n", "1", "import time; time.sleep(60)", *worker.ROLE.split()]
    log = prefect_process.log_file(settings, "worker")
    left = prefect_process.spawn(idle, role=worker.ROLE, environ=os.environ, log=log, port=server.port + 1)
    prefect_process.write(prefect_process.worker_file(settings), left)
    try:
        new = worker.start_worker(settings)
        assert new.started_here
        assert not prefect_process.is_alive(left)
    finally:
        worker.stop_worker(settings)
