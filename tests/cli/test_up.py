"""`up` makes everything stand, twice the same; `down` says what it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from adapters import prefect_process, prefect_worker
from cli import up
from settings import load
from store import embedded
from tests.fixtures_prefect import Prefect


def test_up_makes_everything_stand_and_says_so(prefect_worker: Prefect, capsys: pytest.CaptureFixture[str]) -> None:
    settings = prefect_worker.settings
    try:
        now = up.up(settings)
        assert (now.server, now.database) == ("running", "running")
        assert now.worker
        weekly = next(row for row in now.deployments if row.name == "pattern-learning/weekly")
        assert weekly.schedule == "0 2 * * 0 UTC"
        assert weekly.next_run
        assert f"{weekly.next_run:%A %H:%M %Z}" == "Sunday 02:00 UTC"
        again = up.up(settings)
        assert (again.worker, again.ui_url) == (now.worker, now.ui_url)
        assert len(again.deployments) == len(now.deployments)
    finally:
        embedded.stop(settings)
    up.show(now, as_json=False)
    assert "pattern-learning/weekly" in capsys.readouterr().out
    up.show(now, as_json=True)
    assert json.loads(capsys.readouterr().out)["ui_url"] == now.ui_url


def test_nothing_stands_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    now = up.standing(load(home=tmp_path))
    assert (now.server, now.worker, now.database, now.deployments) == ("stopped", None, "stopped", ())


def test_down_says_what_it_stopped(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    assert up.down(settings) == ()
    record = prefect_process.spawn(
        ["timeit", "-n", "1", "import time; time.sleep(60)", *prefect_worker.ROLE.split()],
        role=prefect_worker.ROLE,
        environ=os.environ,
        log=prefect_process.log_file(settings, "worker"),
    )
    prefect_process.write(prefect_process.worker_file(settings), record)
    assert up.down(settings) == ("worker",)
    assert not prefect_process.is_alive(record)
