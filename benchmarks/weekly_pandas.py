"""The peer of the weekly benchmark: what a notebook does. pandas.read_sql of the same queries, then plain group-bys.

    python -m benchmarks.weekly_pandas ADDRESS < {"leads": SQL, "touches": SQL}

Rates per level for WHO and WHAT, per hour and weekday in UTC, per channel, and the path of every lead: no strata, no
drift, no confidence, no checks, nothing judged and nothing written back. Prints seconds by step as one JSON object. It
runs in its own process, since it needs several times the memory of the run that it is compared with.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from sqlalchemy import create_engine, text

ROWS = 500_000  # fetched at once: all at once would need more memory than the machine has
LEAST = 10  # touches of a level that counts


def main(address: str, queries: dict[str, str]) -> dict[str, float]:
    """Seconds by step."""
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - began

    with step("read_sql"):
        leads, touches = (_read(address, queries[name]) for name in ("leads", "touches"))
    with step("join"):
        outcome = leads[["lead_id", "converted_at"]]
        touches = touches.merge(outcome, on="lead_id").sort_values(["lead_id", "occurred_at"])
        touches["converted"] = touches["converted_at"].notna()
    with step("group-bys"):
        leads["converted"] = leads["converted_at"].notna()
        _best(leads, ["title"])
        _best(leads, ["industry"])
        for feature in ("subject_type", "cta", "angle", "pain_point", "channel"):
            _best(touches, [feature])
        touches["hour"], touches["weekday"] = touches["occurred_at"].dt.hour, touches["occurred_at"].dt.weekday
        _best(touches, ["weekday", "hour"])
    with step("paths"):
        paths = touches.groupby("lead_id", sort=False).agg(
            tenant_id=("tenant_id", "first"), path=("channel", " > ".join), converted=("converted", "first")
        )
        paths.groupby(["tenant_id", "path"])["converted"].agg(["mean", "size"])
    return seconds


def _read(address: str, query: str) -> pd.DataFrame:
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect().execution_options(stream_results=True) as connection:
        return pd.concat(list(pd.read_sql(text(query), connection, chunksize=ROWS)), ignore_index=True)


def _best(rows: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    """The level with the best rate for every tenant."""
    rates = rows.groupby(["tenant_id", *levels])["converted"].agg(["mean", "size"])
    enough = rates[rates["size"] >= LEAST]
    return enough.sort_values("mean").groupby("tenant_id").tail(1)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
