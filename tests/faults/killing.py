"""One trial: begin a command, kill a process at a moment, give the command again, and look at what is there."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil
import psycopg

from adapters import prefect_process
from store import embedded
from tests.faults import state
from tests.faults.world import PATIENCE, House

RUNS_SEEN = "SELECT count(*) FROM learnback.runs"
STAGES = ("Extracting", "Checking", "Summarising", "Learning", "Judging", "Publishing", "Writing the report")


@dataclass(frozen=True, slots=True)
class Course:
    """An undisturbed command: seconds until its run was entered, seconds from then to its end, what it left."""

    before: state.Rows
    after: state.Rows
    entered: float
    lasted: float


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill whom. share: of the run's length, from when it was entered; below 0: before, as a share of that."""

    victim: str
    share: float


@dataclass(slots=True)
class Trial:
    """What one trial showed. hit: the command was still at work; stage: the last one that it had finished."""

    moment: Moment
    hit: bool
    stage: str
    differing: list[str] = field(default_factory=list)
    duplicates: int = 0
    half_published: int = 0
    lost_quarantine: int = 0
    orphans: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    retries: int = 0
    said: str = ""

    @property
    def clean(self) -> bool:
        return not (
            self.differing
            or self.duplicates
            or self.half_published
            or self.lost_quarantine
            or self.orphans
            or self.unfinished
        )


def undisturbed(house: House, command: tuple[str, ...]) -> Course:
    """Let the command run to its end, twice: what it leaves is what a second one leaves as well."""
    before = state.taken(house)
    begun = time.monotonic()
    process = house.command(*command)
    _wait_entered(house, process)
    entered = time.monotonic()
    assert process.wait(PATIENCE) in (0, 3), house.said.read_text()[-3000:]
    ended = time.monotonic()
    after = state.taken(house)
    house.run(*command)
    assert state.differing(after, state.taken(house)) == [], "a second run changes what the first one left"
    return Course(before, after, entered - begun, ended - entered)


def moments(count: int, victims: tuple[str, ...], seed: int) -> list[Moment]:
    """Spread over the run's whole length, one in ten over its start, in an order and with victims by lot."""
    chance = random.Random(seed)
    early = count // 10
    shares = [-(index + chance.random()) / early for index in range(early)]
    shares += [(index + chance.random()) / (count - early) for index in range(count - early)]
    chance.shuffle(shares)
    return [Moment(victims[index % len(victims)], share) for index, share in enumerate(shares)]


def tried(house: House, course: Course, command: tuple[str, ...], moment: Moment) -> Trial:
    """Kill at the moment, run again, compare."""
    house.restore()
    process = house.command(*command)
    if moment.share < 0:
        time.sleep(course.entered * -moment.share)
    else:
        _wait_entered(house, process)
        time.sleep(course.lasted * moment.share)
    hit = process.poll() is None
    VICTIMS[moment.victim](house, process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    if process.poll() is None:
        process.kill()
        process.wait()
        raise AssertionError(f"{moment}: the command hung\n{house.said.read_text()[-3000:]}")
    said = house.said.read_text()
    trial = Trial(moment, hit, _stage(said), said=said)
    trial.half_published = state.half_published(house, course.before, course.after)
    _again(house, command, trial)
    return _judged(house, course, trial)


def _again(house: House, command: tuple[str, ...], trial: Trial) -> None:
    """The same command, until it ends well: one more where the machine is still picking up the pieces."""
    for retries in range(3):
        code = house.command(*command).wait(PATIENCE)
        trial.retries = retries
        if code in (0, 3):
            return
        trial.said += f"\n--- again: {code}\n{house.said.read_text()}"


def _judged(house: House, course: Course, trial: Trial) -> Trial:
    now = state.taken(house)
    trial.differing = state.differing(course.after, now)
    trial.duplicates = state.doubles(house)
    wanted = {(row[0], row[1]) for row in course.after["quarantine"] if row[-1]}
    trial.lost_quarantine = len(wanted - {(row[0], row[1]) for row in now["quarantine"] if row[-1]})
    trial.unfinished = state.unfinished(house)
    trial.orphans = _settled(lambda: state.orphans(house))
    return trial


def _settled(look: Callable[[], list[str]], patience: float = 10.0) -> list[str]:
    """What is still there after a while: a process that ends takes a moment."""
    deadline = time.monotonic() + patience
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _wait_entered(house: House, process: subprocess.Popen[str]) -> None:
    """Until the ledger has one run more, or the command has ended."""
    with psycopg.connect(embedded.superuser_url(house.settings), autocommit=True) as connection:

        def runs() -> int:
            row = connection.execute(RUNS_SEEN).fetchone()
            return int(row[0]) if row else 0

        known = runs()
        while runs() == known and process.poll() is None:
            time.sleep(0.01)


def _stage(said: str) -> str:
    """The stage that was at work: the one after the last that was told as done."""
    done = [name for name in STAGES if re.search(rf"^ *{name}.*: [\d.]+ s", said, re.M)]
    return STAGES[min(len(done), len(STAGES) - 1)] if said else "start"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_flow(house: House, process: subprocess.Popen[str]) -> None:
    _kill(process.pid)


def kill_postgres(house: House, process: subprocess.Popen[str]) -> None:
    """The postmaster alone: its children notice by themselves."""
    lock = house.settings.postgres_home / "postmaster.pid"
    if lock.exists():
        _kill(int(lock.read_text().split()[0]))


def kill_postgres_whole(house: House, process: subprocess.Popen[str]) -> None:
    """The postmaster and all of its children, as when the machine ends."""
    lock = house.settings.postgres_home / "postmaster.pid"
    if lock.exists():
        for pid in reversed(list(_family(int(lock.read_text().split()[0])))):
            _kill(pid)


def kill_server(house: House, process: subprocess.Popen[str]) -> None:
    _kill_recorded(house, prefect_process.server_file(house.settings).name)


def kill_worker(house: House, process: subprocess.Popen[str]) -> None:
    _kill_recorded(house, prefect_process.worker_file(house.settings).name)


def _kill_recorded(house: House, name: str) -> None:
    record = prefect_process.read(house.settings.root / name)
    if record and prefect_process.is_alive(record):
        _kill(record.pid)


def _family(pid: int) -> Iterator[int]:
    if psutil.pid_exists(pid):
        yield pid
        yield from (child.pid for child in psutil.Process(pid).children(recursive=True))


VICTIMS: dict[str, Callable[[House, subprocess.Popen[str]], None]] = {
    "flow": kill_flow,
    "postgres": kill_postgres,
    "postgres and its children": kill_postgres_whole,
    "server": kill_server,
    "worker": kill_worker,
}
