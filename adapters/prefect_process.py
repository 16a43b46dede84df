"""How a process outlives the command that started it, and how a later command knows that it is still the same one.

A record (pid, time of birth, port) lies in the home folder. A pid alone proves nothing: after a crash the system may
have given it to somebody else, so a process is ours only while birth and command line agree with the record.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from settings import Settings

SAME_BIRTH = 2.0  # seconds; the birth is computed from the boot time, which the system's clock corrections move


@dataclass(frozen=True, slots=True)
class Record:
    """A process that stays. pid 0: none runs, and only the port is remembered.

    born: seconds since 1970, as the system reports it. role: words that its command line must contain.
    port: of the local server, for a worker too; None where the server is the user's own.
    """

    pid: int
    born: float
    role: str
    port: int | None = None


def server_file(settings: Settings) -> Path:
    return settings.root / "server.json"


def worker_file(settings: Settings) -> Path:
    return settings.root / "worker.json"


def log_file(settings: Settings, name: str) -> Path:
    return settings.root / "logs" / f"{name}.log"


def read(path: Path) -> Record | None:
    """The record in a file; None where there is none, or where a crash left half of one."""
    try:
        return Record(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def write(path: Path, record: Record) -> None:
    """Replace the record at once, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.new")
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(path)


@contextlib.contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Hold the home folder's lock: of two commands that start or stop processes at once, the second waits."""
    settings.root.mkdir(parents=True, exist_ok=True)
    with (settings.root / "processes.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # closing the file releases the lock, and so does a crash


def spawn(
    arguments: Sequence[str], *, role: str, environ: Mapping[str, str], log: Path, port: int | None = None
) -> Record:
    """Start `python -m …` in a session of its own, so that neither Ctrl-C nor a closing terminal reaches it.

    The signals are reset because a shell that runs a script in the background makes its children ignore Ctrl-C, which
    is how the server is asked to stop. Raises OSError where the log cannot be written.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", *arguments]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        pid = os.posix_spawn(
            sys.executable,
            command,
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, 1),
                (os.POSIX_SPAWN_DUP2, descriptor, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGINT, signal.SIGTERM],
        )
    finally:
        os.close(descriptor)
    return Record(pid, psutil.Process(pid).create_time(), role, port)


def is_alive(record: Record) -> bool:
    """Whether the recorded process still runs and is the one that was recorded."""
    return process_of(record) is not None


def process_of(record: Record) -> psutil.Process | None:
    """The live process behind a record; None where it ended, or where somebody else has its pid now."""
    if record.pid <= 0:
        return None
    _reap(record.pid)
    try:
        process = psutil.Process(record.pid)
        born, command = process.create_time(), " ".join(process.cmdline())
    except psutil.Error:
        return None
    # For an instant after its birth a process has no command line yet.
    same = abs(born - record.born) <= SAME_BIRTH and (not command or record.role in command)
    return process if same else None


def _reap(pid: int) -> None:
    """A child of this very command that has ended stays as a zombie until somebody asks for its exit code."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def end(record: Record, *, ask: signal.Signals, patience: float) -> bool:
    """Ask a process to stop, and after `patience` seconds kill what is left of it and of its children.

    False where the record's process no longer runs: then nothing is signalled, whoever has the pid.
    """
    process = process_of(record)
    if process is None:
        return False
    try:
        family = [process, *process.children(recursive=True)]
        process.send_signal(ask)
    except psutil.NoSuchProcess:
        return False
    _, left = psutil.wait_procs([process], timeout=patience)
    _, left = psutil.wait_procs([*left, *family[1:]], timeout=0.2)
    for survivor in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(left, timeout=2)
    return True
