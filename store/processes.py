"""Which process works on a run, and whether it still lives.

A process number alone proves nothing: after a crash the system may have given it to somebody else. Host, number and
time of birth together name one process.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psutil

SAME_BIRTH = 2.0
"""Seconds; a birth is computed from the boot time, which corrections of the system's clock move."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of one machine. born: seconds since 1970, as its system reports it."""

    host: str
    pid: int
    born: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def here() -> Process:
    """The process that asks."""
    this = psutil.Process()
    return Process(socket.gethostname(), this.pid, this.create_time())


def lives(process: Process) -> bool:
    """Whether it runs on this machine now. Of another machine nothing can be seen from here, and the answer is no."""
    if process.host != socket.gethostname():
        return False
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.born) <= SAME_BIRTH
        return bool(same and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
