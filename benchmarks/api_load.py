"""Open-loop load: requests leave on a timetable, whether or not earlier ones were answered, over raw sockets.

Latency runs from the moment in the timetable, so that a server that falls behind cannot hide it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

CONNECTIONS = 16  # kept open, as a pool of clients keeps them
WARM_SECONDS = 2.0  # not measured: connections open, statements are prepared, code is loaded


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured. seconds: of each request, ascending. rate: answers per second. failed: other than 200."""

    seconds: Sequence[float]
    rate: float
    failed: int

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return 1e3 * self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def run(port: int, requests: Mapping[str, str], rate: int, seconds: float, core: int | None) -> Load:
    """Ask paths in turn with their tokens (empty: none), on a core of one's own where there is one to be had."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    raw = [_raw(path, token) for path, token in requests.items()]
    return asyncio.run(_measure(port, raw, rate, seconds))


async def _measure(port: int, raw: Sequence[bytes], rate: int, seconds: float) -> Load:
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def ask(request: bytes, due: float) -> tuple[float, int]:
        connection = await idle.get()
        status = await _answer(connection, request)
        idle.put_nowait(connection)
        return time.perf_counter() - due, status

    async def at_rate(count: int) -> tuple[list[tuple[float, int]], float]:
        began = time.perf_counter()
        asked = []
        for number, request in enumerate(islice(cycle(raw), count)):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            asked.append(asyncio.create_task(ask(request, due)))
        return list(await asyncio.gather(*asked)), time.perf_counter() - began

    await at_rate(int(rate * WARM_SECONDS))
    answers, took = await at_rate(int(rate * seconds))
    while not idle.empty():
        idle.get_nowait()[1].close()
    return Load(sorted(s for s, _ in answers), len(answers) / took, sum(status != 200 for _, status in answers))


async def _answer(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> int:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head[9:12])


def _raw(path: str, token: str) -> bytes:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}\r\n".encode()
