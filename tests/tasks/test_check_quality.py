"""The quality table equals a slow and obvious count, row by row, on worlds that are dirty in many ways at once."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import pytest

from contracts.outcomes import CHANNELS, COMPONENTS, STATUSES
from tasks.checking.groups import check_group
from tests.tasks.check_world import GROUPS, NOW, TENANTS, Row, World, into_lake, rows_of, world

ANCIENT = datetime(1970, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ZONES = available_timezones()

SPOILS: dict[str, dict[str, list[Any]]] = {
    "leads": {
        "tenant_id": [None, UUID(int=77).bytes],
        "lead_id": [None],
        "created_at": [None, ANCIENT, LATER],
        "converted_at": [None, ANCIENT, LATER],
        "status": [None, "Won!", "converted"],
        "time_zone": ["", "Mars/Olympus"],
        "authority": [None, -0.1, float("nan"), float("inf")],
        "risk": [None, 2.0],
        "employee_count": [-5],
        "scored_at": [ANCIENT, None],
    },
    "touches": {
        "tenant_id": [None, UUID(int=77).bytes],
        "touch_id": [None],
        "lead_id": [None, UUID(int=5).bytes],
        "occurred_at": [None, ANCIENT, LATER],
        "channel": [None, "pigeon"],
        "score_at_touch": [-1.0, None],
        "score_stratum": [10, None],
        "propensity": [0.0, 1.5, float("nan")],
        "led_to_booking": [True, None],
    },
}


def dirty(seed: int) -> World:
    """One row in twelve is spoiled in some column, repeated, or given to another tenant's lead."""
    draw, rows = random.Random(seed), world(seed)
    ids = [row["lead_id"] for row in rows["leads"]]
    for extract, spoils in SPOILS.items():
        repeated = []
        for row in rows[extract]:
            if draw.random() < 1 / 12:
                column = draw.choice(list(spoils))
                row[column] = draw.choice(spoils[column])
            if draw.random() < 0.02:
                repeated.append(dict(row))
            if extract == "touches" and draw.random() < 0.02:
                row["lead_id"] = draw.choice(ids)
        rows[extract] += repeated
    return rows


def _counted(row: Row, dated: str) -> bool:
    known = row["tenant_id"] in {tenant.bytes for tenant in TENANTS.values()}
    return known and not (row[dated] is not None and row[dated] > NOW)


def _lead_defects(row: Row) -> set[str]:
    created, converted, scored = row["created_at"], row["converted_at"], row["scored_at"]
    usable = created is not None and created.year >= 1990
    parts = [row[name] for name in COMPONENTS if row[name] is not None]
    found = {
        "created_at_unusable": not usable,
        "converted_in_future": converted is not None and converted > NOW,
        "converted_before_created": usable and converted is not None and converted < created,
        "converted_without_time": row["status"] == "converted" and converted is None,
        "status_unknown": row["status"] not in STATUSES,
        "time_zone_unknown": row["time_zone"] is not None and row["time_zone"] not in ZONES,
        "components_partial": 0 < len(parts) < 5,
        "component_out_of_range": any(not 0 <= part <= 1 for part in parts),
        "employees_negative": row["employee_count"] < 0,
        "scored_before_created": usable and scored is not None and scored < created,
    }
    return {code for code, holds in found.items() if holds}


BLANKED = {"converted_in_future", "time_zone_unknown", "employees_negative"}


def twin(rows: World) -> dict[bytes, Counter[str]]:
    """Counts per tenant. Which copy of a repeated id stays decides nothing here: copies are equal when planted."""
    counts: dict[bytes, Counter[str]] = defaultdict(Counter)
    leads: dict[tuple[bytes, bytes], tuple[Row, bool]] = {}
    seen: set[tuple[bytes, bytes]] = set()
    for row in rows["leads"]:
        tenant, key = row["tenant_id"], (row["tenant_id"], row["lead_id"])
        if row["tenant_id"] in {t.bytes for t in TENANTS.values()} and not _counted(row, "created_at"):
            counts[tenant]["created_in_future"] += 1
            leads.setdefault(key, (row, True))
        if not _counted(row, "created_at"):
            continue
        found = _lead_defects(row)
        if row["lead_id"] is None or key in seen:
            found.add("lead_id_not_unique")
        else:
            leads[key] = (row, bool(found - BLANKED))
        seen.add(key)
        counts[tenant].update([*found, "leads"])
    everywhere = {row["lead_id"] for row in rows["leads"]} - {None}
    seen.clear()
    for row in rows["touches"]:
        tenant, key = row["tenant_id"], (row["tenant_id"], row["touch_id"])
        if tenant in {t.bytes for t in TENANTS.values()} and not _counted(row, "occurred_at"):
            counts[tenant]["occurred_in_future"] += 1
        if not _counted(row, "occurred_at"):
            continue
        found = _touch_defects(row, leads, everywhere)
        if row["touch_id"] is None or key in seen:
            found.add("touch_id_not_unique")
        seen.add(key)
        counts[tenant].update([*found, "touches"])
    return counts


def _touch_defects(row: Row, leads: dict[tuple[bytes, bytes], tuple[Row, bool]], everywhere: set[bytes]) -> set[str]:
    occurred, score, stratum, propensity = (
        row[name] for name in ("occurred_at", "score_at_touch", "score_stratum", "propensity")
    )
    usable = occurred is not None and occurred.year >= 1990
    found = {
        "occurred_at_unusable": not usable,
        "channel_unknown": row["channel"] not in CHANNELS,
        "score_out_of_range": (score is not None and not 0 <= score <= 100)
        or (stratum is not None and not 0 <= stratum <= 9),
        "propensity_out_of_range": not 0 < propensity <= 1,
    }
    lead, dropped = leads.get((row["tenant_id"], row["lead_id"]), (None, False))
    if lead is None:
        elsewhere = row["lead_id"] is not None and row["lead_id"] in everywhere
        found["touch_of_other_tenant"], found["touch_without_lead"] = elsewhere, not elsewhere
    elif dropped:
        found["touches_of_dropped_leads"] = True
    else:
        converted = lead["converted_at"]
        found["touch_before_lead"] = usable and occurred < lead["created_at"]
        found["booking_contradicted"] = bool(row["led_to_booking"]) and (
            converted is None or (occurred is not None and occurred > converted)
        )
    return {code for code, holds in found.items() if holds}


@pytest.mark.parametrize("seed", range(6))
def test_counts_equal_the_slow_twin(seed: int, tmp_path: Path) -> None:
    rows = dirty(seed)
    manifest = into_lake(rows, tmp_path)
    expected = twin(rows)
    for group in range(GROUPS):
        check = check_group(manifest, group, {})
        for line in check.quality.iter_rows(named=True):
            got = {name: n for name, n in line.items() if n and not name.endswith("_share") and isinstance(n, int)}
            assert got == dict(expected[line["tenant_id"]])


def test_the_result_does_not_depend_on_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = dirty(99)
    kept = {}
    for groups in (1, 2, 5):
        monkeypatch.setattr("tests.tasks.check_world.GROUPS", groups)
        manifest = into_lake(rows, tmp_path / str(groups), run=groups)
        files = [file for group in range(groups) for file in check_group(manifest, group, {}).files]
        cleaned = manifest.with_files(files)
        kept[groups] = {extract: sorted(map(str, rows_of(cleaned, extract))) for extract in ("leads", "touches")}
    assert kept[1] == kept[2] == kept[5]
    assert len(kept[1]["touches"]) < len(rows["touches"])
