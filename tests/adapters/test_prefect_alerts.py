"""What the server does for health: its automation posts notices, and runs without a process are closed."""

from __future__ import annotations

import os
import time
from uuid import uuid4

import psutil
from pydantic import SecretStr

from adapters import prefect_alerts, prefect_process, prefect_zombies
from adapters.prefect_process import Record
from adapters.prefect_status import ask
from adapters.webhook import Notice
from tests.fixtures_prefect import Prefect
from tests.webhooks import Inbox, inbox

__all__ = ["inbox"]

PATIENCE = 30.0


def test_the_automation_posts_what_is_emitted(prefect_server: Prefect, inbox: Inbox) -> None:
    without = prefect_server.settings
    settings = without.model_copy(update={"webhook_url": SecretStr(inbox.address)})
    assert not prefect_alerts.listening(settings)
    assert prefect_alerts.register(settings)
    assert prefect_alerts.register(settings), "again changes nothing"
    assert prefect_alerts.listening(settings)
    notice = Notice('Learnback: "1 failing"', ("A & B, how: failing",))
    until = time.monotonic() + PATIENCE
    while not inbox.bodies and time.monotonic() < until:  # the server reads new automations every few seconds
        prefect_alerts.emit(notice)
        time.sleep(1.0)
    assert inbox.bodies[0] == notice.body()
    assert not prefect_alerts.register(without)
    assert not prefect_alerts.listening(settings)


def _running(prefect: Prefect, flow_id: str) -> str:
    wanted = {"flow_id": flow_id, "state": {"type": "RUNNING", "name": "Running"}, "name": f"run-{uuid4().hex[:6]}"}
    return str(ask(prefect.api_url, "/flow_runs/", wanted)["id"])


def _state(prefect: Prefect, run: str) -> str:
    return str(ask(prefect.api_url, f"/flow_runs/{run}", None, method="GET")["state_type"])


def test_a_run_whose_process_is_gone_is_closed_and_no_other(prefect_server: Prefect) -> None:
    settings = prefect_server.settings
    flow_id = ask(prefect_server.api_url, "/flows/", {"name": f"flow-{uuid4().hex[:6]}"})["id"]
    dead, reborn, living, unknown, ended = (_running(prefect_server, flow_id) for _ in range(5))
    this = psutil.Process(os.getpid())
    records = {
        dead: Record(2**22 - 3, 1.0, ""),
        reborn: Record(this.pid, this.create_time() - 3600.0, ""),  # the number is somebody else's now
        ended: Record(2**22 - 3, 1.0, ""),
    }
    for run, record in records.items():
        prefect_process.write(prefect_zombies.folder(settings) / f"{run}.json", record)
    ask(prefect_server.api_url, f"/flow_runs/{ended}/set_state", {"state": {"type": "COMPLETED"}, "force": True})
    with prefect_zombies.at_work(settings, living):
        closed = prefect_zombies.close(settings)
        assert len(closed) == 2
        assert {run: _state(prefect_server, run) for run in (dead, reborn, living, unknown, ended)} == {
            dead: "CRASHED",
            reborn: "CRASHED",
            living: "RUNNING",
            unknown: "RUNNING",
            ended: "COMPLETED",
        }
        assert prefect_zombies.close(settings) == ()
    assert list(prefect_zombies.folder(settings).glob("*.json")) == []


def test_outside_of_a_run_nothing_is_recorded(prefect_server: Prefect) -> None:
    with prefect_zombies.at_work(prefect_server.settings, None):
        assert list(prefect_zombies.folder(prefect_server.settings).glob("*.json")) == []
