"""How does the cost of a full run grow with touches, and with tenants?

A user's own CRM (benchmarks.weekly_world) of 1M, 10M and 50M touches of 200 tenants, and of 10M touches of 5,000. Each
is learned from by `learnback learn` in a process of its own, on a store and a lake of its own, and its database goes
when it was measured: the largest needs 26 GB. A run over next to nothing is subtracted before slopes are taken.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console

import settings as settings_module
from benchmarks import weekly_world
from benchmarks.harness import Figure, Value, benchmark
from benchmarks.weekly import EXTRACTS, SEED, Run, database_url, learned, recreate, store_for
from benchmarks.weekly_world import Size
from settings import Settings
from store import embedded

NOTHING = Size(tenants=200, leads=2_000, touches=2_000)
"""An empty run: what is left is process start, Prefect, and what every slice costs."""

FULL = (
    Size(leads=100_000, touches=1_000_000),
    Size(),
    Size(tenants=5_000),
    Size(leads=5_000_000, touches=50_000_000),
)
QUICK = (
    Size(tenants=40, leads=10_000, touches=100_000),
    Size(tenants=40, leads=40_000, touches=400_000),
    Size(tenants=1_000, leads=40_000, touches=400_000),
)


@dataclass(frozen=True)
class Point:
    """One world and the run over it."""

    size: Size
    run: Run

    def plain(self) -> dict[str, Value]:
        stages = {f"{name}_s": round(seconds, 2) for name, seconds in self.run.stages.items()}
        return {
            "touches": self.size.touches,
            "tenants": self.size.tenants,
            "total_s": self.run.total,
            "wall_s": self.run.wall,
            "peak_mib": self.run.peak_mib,
            **stages,
        }


@benchmark("growth", "How does the cost of a full run grow with touches, and with tenants?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    console = Console(stderr=True, quiet=arguments.json)
    base = settings_module.load()
    embedded.start(base)
    empty = point(base, NOTHING, console)
    return figures(empty, [point(base, size, console) for size in (QUICK if arguments.quick else FULL)])


def point(base: Settings, size: Size, console: Console) -> Point:
    """Make the world, learn from it, and drop it."""
    name = f"learnback_growth_{size.tenants}_{size.touches}"
    address = database_url(base, name)
    with psycopg.connect(embedded.superuser_url(base), autocommit=True) as connection:
        recreate(connection, name)
        try:
            console.print(f"Making {size.touches:,} touches of {size.tenants:,} tenants …")
            weekly_world.build(address, size, SEED, lambda said: None)
            with tempfile.TemporaryDirectory(prefix="learnback-growth-") as folder:
                own = settings_module.load(
                    home=base.home, source_url=address, extracts=EXTRACTS, lake=str(Path(folder) / "lake")
                )
                run = learned(own, store_for(base, size))
        finally:
            for gone in (name, f"{size.database}_store"):
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(gone)))
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in run.stages.items())
    console.print(f"{run.total:.1f} s ({stages}); process {run.wall:.1f} s, peak {run.peak_mib:,.0f} MiB")
    return Point(size, run)


def figures(empty: Point, points: Sequence[Point]) -> list[Figure]:
    """points: of growing touches and one number of tenants, among them one of more tenants."""
    few = min(one.size.tenants for one in points)
    by_touches = sorted((one for one in points if one.size.tenants == few), key=lambda one: one.size.touches)
    many = next(one for one in points if one.size.tenants > few)
    beside = next(one for one in by_touches if one.size.touches == many.size.touches)
    smaller, larger = by_touches[-2:]
    slope = math.log((larger.run.total - empty.run.total) / (smaller.run.total - empty.run.total)) / math.log(
        larger.size.touches / smaller.size.touches
    )
    told = ", ".join(f"{one.size.touches / 1e6:g}M: {one.run.total:.1f}" for one in by_touches)
    return [
        Figure("points", [one.plain() for one in points], "touches, tenants, s from extract to published, peak MiB"),
        Figure("empty_s", empty.run.total, "the same over next to nothing, s"),
        Figure("slope_touches", slope, "growth of s with touches, log–log, the empty run subtracted", told, "≤ 1.05"),
        Figure(
            "tenants_5000_over_200",
            many.run.total / beside.run.total,
            f"s of {many.size.tenants:,} tenants ÷ s of {few:,}, at {many.size.touches:,} touches",
            f"{many.run.total:.1f} ÷ {beside.run.total:.1f}",
            "≤ 2",
        ),
        Figure("peak_mib", max(one.run.peak_mib for one in points), "peak memory of the process, MiB", "", "≤ 2,048"),
        Figure(
            "prefect_s",
            empty.run.wall - sum(empty.run.stages.values()),
            "process start, Prefect and its server, of the empty run, s",
            "",
            "≤ 6 besides imports",
        ),
    ]


if __name__ == "__main__":
    measure.main()
