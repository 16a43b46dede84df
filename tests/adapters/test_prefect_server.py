"""The local server: its port, its pid, its lock, and what it says when it cannot start."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from adapters import prefect_database, prefect_process, prefect_server
from adapters.prefect_environment import APPLIED, HOST
from adapters.prefect_process import Record
from contracts.errors import ServerError
from settings import Settings, load
from tests.fixtures_prefect import Prefect


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_SERVER_API_PORT", "PREFECT_HOME", "LEARNBACK_SERVER_PORT", APPLIED):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(home=tmp_path / "home")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server((HOST, 0))) as other:
        yield other.getsockname()[1]


def remember(settings: Settings, record: Record) -> None:
    prefect_process.write(prefect_process.server_file(settings), record)


def stand_in(settings: Settings) -> Record:
    """A process that looks like a server to everybody who reads the process table, and costs nothing."""
    arguments = ["timeit", "-n", "1", "import time; time.sleep(60)", *prefect_server.ROLE.split()]
    log = prefect_process.log_file(settings, "server")
    return prefect_process.spawn(arguments, role=prefect_server.ROLE, environ=os.environ, log=log, port=1)


def test_a_demanded_port_that_is_taken_is_named(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(ServerError) as caught:
        prefect_server.start(load(home=tmp_path, server_port=taken_port))
    assert str(caught.value) == (
        f"LEARNBACK_SERVER_PORT asks for port {taken_port}, which another program has taken, and the local Prefect "
        "server needs it. Stop that program, choose another port, or unset LEARNBACK_SERVER_PORT to use any free one."
    )
    assert not prefect_process.server_file(load(home=tmp_path)).exists()


def test_a_kept_port_that_is_taken_is_given_up(settings: Settings, taken_port: int) -> None:
    remember(settings, Record(0, 0.0, prefect_server.ROLE, taken_port))
    assert prefect_server._choose_port(settings) != taken_port


def test_a_kept_port_is_used_again(settings: Settings) -> None:
    port = prefect_server._choose_port(settings)
    remember(settings, Record(0, 0.0, prefect_server.ROLE, port))
    assert [prefect_server._choose_port(settings) for _ in range(3)] == [port] * 3


def test_an_unwritable_home_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerError, match=r"cannot be started under .*Make that folder writable"):
        prefect_server.start(load(home=tmp_path / "file"))


def test_the_pid_of_somebody_else_is_not_ours(settings: Settings) -> None:
    """After a crash and a restart of the machine, the recorded pid may be anybody's: here it is this very test's."""
    itself = psutil.Process()
    for record in (
        Record(itself.pid, itself.create_time() - 3600, "pytest", 4321),
        Record(itself.pid, itself.create_time(), prefect_server.ROLE, 4321),
    ):
        remember(settings, record)
        assert prefect_server.find(settings) is None
        assert prefect_server.stop(settings) is False


def test_a_record_that_a_crash_cut_in_half_counts_as_none(settings: Settings) -> None:
    file = prefect_process.server_file(settings)
    file.parent.mkdir(parents=True)
    file.write_text('{"pid": 12')
    assert prefect_server.find(settings) is None


def test_a_killed_server_is_noticed_while_it_is_waited_for(settings: Settings) -> None:
    record = stand_in(settings)
    remember(settings, record)
    handle = prefect_server.find(settings)
    assert handle
    os.kill(record.pid, signal.SIGKILL)
    os.waitpid(record.pid, 0)
    with pytest.raises(ServerError, match=r"ended while it was starting\. .*server\.log says why"):
        prefect_server.wait_ready(handle, timeout=5)
    assert prefect_server.find(settings) is None


def test_a_silent_server_is_not_waited_for_for_ever(settings: Settings) -> None:
    remember(settings, stand_in(settings))
    handle = prefect_server.find(settings)
    assert handle
    told: list[str] = []
    with pytest.raises(ServerError, match="has not answered for"):
        prefect_server.wait_ready(handle, timeout=1.2, on_progress=told.append)
    assert told == ["the Prefect server is starting (1 s) …"]
    assert prefect_server.stop(settings) is True


def test_what_ignores_ctrl_c_is_killed_with_its_children(settings: Settings) -> None:
    program = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
    )
    record = prefect_process.spawn(
        ["timeit", "-n", "1", program, "stubborn"],
        role="stubborn",
        environ=os.environ,
        log=prefect_process.log_file(settings, "any"),
    )
    process = psutil.Process(record.pid)
    end = time.monotonic() + 10
    while not (children := process.children()) and time.monotonic() < end:
        time.sleep(0.02)
    assert prefect_process.end(record, ask=signal.SIGINT, patience=0.3)
    assert not process.is_running()
    assert not children[0].is_running()


def _start_at_once(home: Path, barrier: object) -> int:
    barrier.wait()  # type: ignore[attr-defined]
    handle = prefect_server.start(load(home=home))
    assert handle.process
    return handle.process.pid


def test_two_commands_at_the_same_moment_end_with_one_server(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect_server, "_spawn", _spawn_stand_in)
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager, context.Pool(4) as pool:
        barrier = manager.Barrier(4)
        pids = pool.starmap(_start_at_once, [(settings.home, barrier)] * 4)
    assert len(set(pids)) == 1
    assert prefect_server.stop(settings) is True
    assert not psutil.pid_exists(pids[0])


def _spawn_stand_in(settings: Settings) -> prefect_server.ServerHandle:
    record = stand_in(settings)
    remember(settings, record)
    return prefect_server.ServerHandle("http://127.0.0.1:1/api", record, started_here=True)


def test_nothing_is_started_beside_a_server_of_the_users_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, taken_port: int
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://{HOST}:{taken_port}/api")
    handle = prefect_server.start(settings)
    assert not handle.is_local
    assert not settings.root.exists()
    with pytest.raises(ServerError, match=r"no Prefect server answers at .*, which PREFECT_API_URL names"):
        prefect_server.wait_ready(handle)


def test_serves_the_classic_ui_with_the_right_address(prefect_server: Prefect) -> None:
    import json
    import urllib.request

    base = prefect_server.api_url.removesuffix("/api")
    with urllib.request.urlopen(f"{base}/ui-settings") as reply:
        told = json.load(reply)
    assert (told["api_url"], told["default_ui"]) == (prefect_server.api_url, "v1")
    with urllib.request.urlopen(urllib.request.Request(base, headers={"Accept": "text/html"})) as page:
        assert page.url.rstrip("/") == base, "the root is the classic UI itself, not a way to the newer one"
        assert b"<html" in page.read().lower()


def test_listens_on_the_loopback_interface_only(prefect_server: Prefect) -> None:
    record = prefect_process.read(prefect_process.server_file(prefect_server.settings))
    assert record
    listening = [c.laddr for c in psutil.Process(record.pid).net_connections("inet") if c.status == "LISTEN"]
    assert [(address.ip, address.port) for address in listening] == [(HOST, record.port)]


def test_the_prepared_database_is_what_all_migrations_make(tmp_path: Path) -> None:
    """Fails after an upgrade of Prefect that changes its schema: `python -m adapters.prefect_database` mends it."""
    migrated = prefect_database.dump(prefect_database.migrated_by_prefect(tmp_path))
    assert statements(migrated) == statements(prefect_database.SCHEMA.read_text(encoding="utf-8"))


def statements(script: str) -> dict[str, list[str]]:
    """Each statement's first line → its other lines, sorted: the migrations write constraints in the order of a set."""
    parts = [[line.strip(" \t,") for line in part.strip().splitlines()] for part in script.split(";\n")]
    return {first: sorted(rest) for first, *rest in filter(None, parts)}


def test_a_database_that_exists_is_left_alone(settings: Settings) -> None:
    settings.prefect_home.mkdir(parents=True)
    (settings.prefect_home / "prefect.db").write_text("history")
    prefect_database.prepare(settings)
    assert (settings.prefect_home / "prefect.db").read_text() == "history"


def test_reading_the_process_table_needs_no_prefect() -> None:
    """`learnback status` answers before `import prefect` would have finished."""
    program = (
        "import sys, adapters.prefect_server, adapters.prefect_worker, adapters.prefect_status;"
        "sys.exit('prefect' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
