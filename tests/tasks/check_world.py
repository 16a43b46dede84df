"""A small clean world for the checks: three tenants whose every row fits the contract, ready to be spoiled."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from contracts.outcomes import CHANNELS, COMPONENTS, EXTRACTS, STATUSES
from contracts.runs import group_of
from store import lake
from store.lake import Manifest, Watermark
from store.partition import batches_of

NOW = datetime(2026, 10, 1, tzinfo=UTC)
GROUPS = 2
TENANTS = {name: UUID(int=number) for number, name in enumerate(("Ash", "Birch", "Cedar"), start=10)}
LEADS, TOUCHES = 200, 600  # of each tenant

Row = dict[str, Any]
World = dict[str, list[Row]]


def world(seed: int = 0) -> World:
    """Clean rows: 200 leads a tenant, a fifth converted, three touches a lead, the converting one marked."""
    draw = random.Random(seed)
    rows: World = {
        "tenants": [
            {"tenant_id": key.bytes, "name": name, "horizon_days": 30, "shares_priors": True}
            for name, key in TENANTS.items()
        ],
        "leads": [],
        "touches": [],
    }
    for tenant in TENANTS.values():
        for number in range(LEADS):
            lead = _lead(draw, tenant, number)
            rows["leads"].append(lead)
            rows["touches"] += [_touch(draw, lead, number, place) for place in range(TOUCHES // LEADS)]
    return rows


def _id(tenant: UUID, kind: int, number: int) -> bytes:
    return UUID(int=tenant.int << 64 | kind << 32 | number).bytes


def _lead(draw: random.Random, tenant: UUID, number: int) -> Row:
    created = NOW - timedelta(days=draw.randint(60, 300), seconds=number)
    converted = number % 5 == 0
    return {
        "tenant_id": tenant.bytes,
        "lead_id": _id(tenant, 1, number),
        "created_at": created,
        "status": "converted" if converted else draw.choice([s for s in STATUSES if s != "converted"]),
        "converted_at": created + timedelta(days=20, seconds=draw.randint(0, 10**6)) if converted else None,
        "scored_at": created + timedelta(hours=1),
        **{name: round(draw.random(), 2) for name in COMPONENTS},
        "employee_count": draw.randint(0, 5000),
        "time_zone": draw.choice(["Europe/London", "Asia/Tokyo", None]),
        "synthetic_time": False,
    }


def _touch(draw: random.Random, lead: Row, number: int, place: int) -> Row:
    last = place == TOUCHES // LEADS - 1
    return {
        "tenant_id": lead["tenant_id"],
        "touch_id": _id(UUID(bytes=lead["tenant_id"]), 2, number * 10 + place),
        "lead_id": lead["lead_id"],
        "channel": draw.choice(CHANNELS),
        "occurred_at": lead["created_at"] + timedelta(days=5 * (place + 1)),
        "score_at_touch": draw.uniform(0, 100),
        "score_stratum": draw.randint(0, 9),
        "propensity": draw.uniform(0.1, 1.0),
        "led_to_booking": last and lead["converted_at"] is not None,
    }


def frame(rows: list[Row], extract: str) -> pl.DataFrame:
    """Rows with all columns of the contract, in its types."""
    schema = pl.DataFrame(pl.from_arrow(lake.arrow_schema(EXTRACTS[extract]).empty_table())).schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row")


def into_lake(rows: World, root: Path, now: datetime = NOW, run: int = 1) -> Manifest:
    """The manifest of an extraction that found these rows."""
    manifest = Manifest(str(root), UUID(int=run), now, now, GROUPS, Watermark(1, None))
    files = []
    for extract, all_rows in rows.items():
        table = frame(all_rows, extract)
        groups = [group_of(UUID(bytes=row["tenant_id"] or bytes(16)), GROUPS) for row in all_rows]
        for group in range(GROUPS):
            part = table.filter(pl.Series([g == group for g in groups], dtype=pl.Boolean))
            if part.height:
                files.append(lake.rewrite(manifest, extract, group, "0", batches_of(part, EXTRACTS[extract])))
    manifest = manifest.with_files(files)
    lake.write(manifest)
    return manifest


def rows_of(manifest: Manifest, extract: str) -> list[Row]:
    return lake.scan(manifest, extract).collect().to_dicts()
