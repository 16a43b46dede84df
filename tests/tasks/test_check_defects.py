"""Each of the 25 defects planted alone in one tenant: the declared treatment, the right reason, others untouched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from contracts.defects import CATALOGUE, DEFECTS, Treatment
from contracts.outcomes import COMPONENTS
from settings import Settings
from store import lake
from tasks.checking.groups import Volumes, check_group
from tasks.checking.verdict import CheckResult, conclude
from tasks.checking.volumes import to_remember
from tests.tasks.check_world import GROUPS, NOW, TENANTS, Row, World, into_lake, rows_of, world

DIRTY = TENANTS["Birch"]
OTHER = TENANTS["Cedar"]

NOTHING_BEFORE: Volumes = {}

Spoil = Callable[[World, int], None]
"""Plants a defect in so many rows of the dirty tenant."""


def checked(
    rows: World, root: Path, run: int = 1, settings: Settings | None = None, last: Volumes = NOTHING_BEFORE
) -> CheckResult:
    manifest = into_lake(rows, root, run=run)
    return conclude(settings or Settings(), manifest, [check_group(manifest, group, last) for group in range(GROUPS)])


def volumes(result: CheckResult) -> Volumes:
    """What a run leaves behind for the next one's volume check."""
    return {
        UUID(bytes=row["tenant_id"]): {"leads": row["leads"], "touches": row["touches"]}
        for row in result.quality.iter_rows(named=True)
    }


def _set(extract: str, where: Callable[[Row], bool] = lambda row: True, **values: Any) -> Spoil:
    """Overwrite columns in the dirty tenant's first rows; a value may be computed from the row."""

    def spoil(rows: World, count: int) -> None:
        mine = [row for row in rows[extract] if row["tenant_id"] == DIRTY.bytes and where(row)]
        for row in mine[:count]:
            row.update({name: value(row) if callable(value) else value for name, value in values.items()})

    return spoil


def _repeat(extract: str) -> Spoil:
    def spoil(rows: World, count: int) -> None:
        mine = [row for row in rows[extract] if row["tenant_id"] == DIRTY.bytes]
        rows[extract] += [dict(row) for row in mine[:count]]

    return spoil


def _stamp_conversions(rows: World, count: int) -> None:
    conversions = [r for r in rows["leads"] if r["tenant_id"] == DIRTY.bytes and r["converted_at"]]
    for row in conversions[:count]:
        row["converted_at"] = NOW - timedelta(days=1)


def _give_away(rows: World, count: int) -> None:
    foreign = [row["lead_id"] for row in rows["leads"] if row["tenant_id"] == OTHER.bytes]
    mine = [row for row in rows["touches"] if row["tenant_id"] == DIRTY.bytes and not row["led_to_booking"]]
    for row, lead in zip(mine[:count], foreign, strict=False):
        row["lead_id"] = lead


def _claim_bookings(rows: World, count: int) -> None:
    unconverted = {row["lead_id"] for row in rows["leads"] if row["converted_at"] is None}
    _set("touches", lambda row: row["lead_id"] in unconverted, led_to_booking=True)(rows, count)


def _strangers(rows: World, count: int) -> None:
    mine = [row for row in rows["touches"] if row["tenant_id"] == DIRTY.bytes]
    rows["touches"] += [{**row, "tenant_id": UUID(int=99).bytes} for row in mine[:count]]


def _unbooked(row: Row) -> bool:
    return not row["led_to_booking"]


def _untouched(row: Row) -> bool:
    return row["converted_at"] is None


PLANTS: dict[str, Spoil] = {
    "lead_id_not_unique": _repeat("leads"),
    "created_at_unusable": _set("leads", created_at=None),
    "created_in_future": _set("leads", _untouched, created_at=NOW + timedelta(days=3)),
    "converted_in_future": _set("leads", _untouched, converted_at=NOW + timedelta(days=3), status="converted"),
    "converted_before_created": _set("leads", _untouched, converted_at=lambda r: r["created_at"] - timedelta(days=1)),
    "converted_without_time": _set("leads", _untouched, status="converted"),
    "status_unknown": _set("leads", _untouched, status="Won!"),
    "time_zone_unknown": _set("leads", time_zone="Mars/Olympus"),
    "components_partial": _set("leads", authority=None, risk=None),
    "component_out_of_range": _set("leads", timing=float("nan")),
    "employees_negative": _set("leads", employee_count=-1),
    "scored_before_created": _set("leads", scored_at=lambda r: r["created_at"] - timedelta(seconds=1)),
    "conversions_bulk_stamped": _stamp_conversions,
    "touch_id_not_unique": _repeat("touches"),
    "occurred_at_unusable": _set("touches", occurred_at=NOW.replace(year=1970)),
    "occurred_in_future": _set("touches", occurred_at=NOW + timedelta(seconds=1)),
    "channel_unknown": _set("touches", channel="pigeon"),
    "touch_without_lead": _set("touches", _unbooked, lead_id=UUID(int=5).bytes),
    "touch_before_lead": _set("touches", _unbooked, occurred_at=lambda r: r["occurred_at"] - timedelta(days=30)),
    "touch_of_other_tenant": _give_away,
    "score_out_of_range": _set("touches", score_at_touch=100.5),
    "propensity_out_of_range": _set("touches", propensity=0.0),
    "booking_contradicted": _claim_bookings,
    "tenant_unknown": _strangers,
}


def test_every_defect_is_planted() -> None:
    assert len(DEFECTS) == len(CATALOGUE) == 25
    assert {*PLANTS, "volume_collapsed"} == set(CATALOGUE)


def test_a_clean_world_has_none(tmp_path: Path) -> None:
    result = checked(world(), tmp_path)
    assert (dict(result.dropped), result.quarantined) == ({}, ())
    assert not any("clean" in file.path for file in result.manifest.files)
    assert result.manifest.checked


@pytest.mark.parametrize("code", PLANTS)
def test_few_defective_rows_are_dropped_or_quarantine_at_once(code: str, tmp_path: Path) -> None:
    defect, rows = CATALOGUE[code], world()
    few = 25 if code == "conversions_bulk_stamped" else 4
    PLANTS[code](rows, few)
    result = checked(rows, tmp_path)

    assert [(q.tenant, q.defect) for q in result.quarantined] == (
        [("Birch", code)] if defect.treatment is Treatment.QUARANTINE else []
    )
    if code == "conversions_bulk_stamped":
        assert dict(result.dropped) == {}
        return
    assert dict(result.dropped) == {code: few}
    extract = "touches" if defect.extract == "all" else defect.extract
    lost = result.rows[extract] - len(rows_of(result.manifest, extract))
    assert lost == (0 if defect.blanks else few)
    _others_untouched(rows, result)


@pytest.mark.parametrize("code", [d.code for d in DEFECTS if d.treatment is Treatment.DROP_UP_TO])
def test_many_defective_rows_quarantine_the_tenant(code: str, tmp_path: Path) -> None:
    defect, rows = CATALOGUE[code], world()
    PLANTS[code](rows, 60)
    result = checked(rows, tmp_path)

    (quarantined,) = result.quarantined
    assert (quarantined.tenant_id, quarantined.tenant, quarantined.defect) == (DIRTY, "Birch", code)
    total = sum(row["tenant_id"] == DIRTY.bytes for row in rows[defect.extract])
    assert quarantined.got == pytest.approx(60 / total, abs=1e-6)
    assert quarantined.wanted == defect.threshold
    assert quarantined.reason.startswith(f"{100 * 60 / total:.1f}".removesuffix(".0") + f" % of {defect.extract} ")
    assert defect.sentence in quarantined.reason
    assert quarantined.reason.endswith(f"({100 * defect.threshold:.0f} % is allowed)")
    _others_untouched(rows, result)


@pytest.mark.parametrize("code", [d.code for d in DEFECTS if d.treatment is Treatment.DROP])
def test_what_is_only_dropped_never_quarantines(code: str, tmp_path: Path) -> None:
    rows = world()
    PLANTS[code](rows, 150)
    result = checked(rows, tmp_path)
    assert result.quarantined == ()
    assert dict(result.dropped) == {code: 150}
    _others_untouched(rows, result)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("touch_of_other_tenant", "7 touches belong to a lead of another tenant (none is allowed)"),
        (
            "conversions_bulk_stamped",
            "25 leads converted at one and the same instant, more than half of all (none is allowed)",
        ),
    ],
)
def test_what_quarantines_at_once_says_how_often(code: str, reason: str, tmp_path: Path) -> None:
    rows = world()
    PLANTS[code](rows, 25 if code == "conversions_bulk_stamped" else 7)
    (quarantined,) = checked(rows, tmp_path).quarantined
    assert (quarantined.defect, quarantined.reason, quarantined.wanted) == (code, reason, 0)


def test_one_entry_a_tenant_names_every_defect(tmp_path: Path) -> None:
    rows = world()
    PLANTS["channel_unknown"](rows, 60)
    PLANTS["touch_of_other_tenant"](rows, 3)
    (quarantined,) = checked(rows, tmp_path).quarantined
    assert quarantined.defect == "channel_unknown"
    assert quarantined.reason.endswith("; 3 touches belong to a lead of another tenant (none is allowed)")


def _others_untouched(rows: World, result: CheckResult) -> None:
    for extract in ("leads", "touches"):
        kept = [row for row in rows_of(result.manifest, extract) if row["tenant_id"] == OTHER.bytes]
        planted = [row for row in rows[extract] if row["tenant_id"] == OTHER.bytes]
        assert len(kept) == len(planted)


def test_volume_against_the_last_run(tmp_path: Path) -> None:
    last = volumes(checked(world(), tmp_path, run=1))
    rows = world()
    rows["touches"] = [row for n, row in enumerate(rows["touches"]) if row["tenant_id"] != DIRTY.bytes or n % 3 == 0]
    result = checked(rows, tmp_path, run=2, last=last)
    (quarantined,) = result.quarantined
    assert (quarantined.tenant, quarantined.defect) == ("Birch", "volume_collapsed")
    assert quarantined.reason == "33.3 % of the last run's rows came this time (50 % is wanted)"

    remembered = {name: to_remember(result, last, name) for name in ("leads", "touches")}
    assert remembered["touches"][DIRTY] == last[DIRTY]["touches"]
    assert remembered["touches"][OTHER] == last[OTHER]["touches"]
    again = {tenant: {name: remembered[name][tenant] for name in remembered} for tenant in last}
    assert checked(rows, tmp_path, run=3, last=again).quarantined  # a second look does not make it normal
    back = checked(world(), tmp_path, run=4, last=again)
    assert back.quarantined == ()
    assert to_remember(back, again, "touches") == {tenant: rows["touches"] for tenant, rows in last.items()}


def test_values_are_blanked_where_the_row_is_sound(tmp_path: Path) -> None:
    rows = world()
    PLANTS["time_zone_unknown"](rows, 3)
    PLANTS["employees_negative"](rows, 3)
    PLANTS["converted_in_future"](rows, 3)
    before = {row["lead_id"]: row for row in rows["leads"]}
    after = rows_of(checked(rows, tmp_path).manifest, "leads")
    assert {row["time_zone"] for row in after} == {"Europe/London", "Asia/Tokyo", None}
    assert min(row["employee_count"] for row in after if row["employee_count"] is not None) >= 0
    for row in after:
        if (was := before[row["lead_id"]]["converted_at"]) and was > NOW:
            assert (row["converted_at"], row["status"]) == (None, "contacted")


def test_touches_go_with_their_lead(tmp_path: Path) -> None:
    rows = world()
    PLANTS["status_unknown"](rows, 4)
    result = checked(rows, tmp_path)
    assert len(rows_of(result.manifest, "touches")) == len(rows["touches"]) - 4 * 3
    assert result.quality.filter(pl.col("tenant") == "Birch")["touches_of_dropped_leads"].item() == 12


def test_the_future_changes_nothing(tmp_path: Path) -> None:
    """Rows dated after now are dropped and enter no count: what remains equals a world that never had them."""
    rows = world()
    plain = checked(world(), tmp_path / "plain")
    twin = next(row for row in rows["leads"] if row["tenant_id"] == DIRTY.bytes)
    later = NOW + timedelta(days=1)
    for number in range(300):
        lead = {**twin, "created_at": later, "status": "Won!", "lead_id": UUID(int=number + 1000).bytes}
        rows["leads"].append(lead)
        rows["touches"].append({**rows["touches"][0], "tenant_id": DIRTY.bytes, "occurred_at": later, "channel": "?"})
    rows["leads"].append({**twin, "created_at": later})  # even under an id that is taken
    spoiled = checked(rows, tmp_path / "spoiled")

    assert spoiled.quarantined == ()
    assert dict(spoiled.dropped) == {"created_in_future": 301, "occurred_in_future": 300}
    for extract in ("leads", "touches"):
        assert rows_of(spoiled.manifest, extract) == rows_of(plain.manifest, extract)
    counts = pl.exclude("created_in_future", "occurred_in_future")
    assert spoiled.quality.select(counts).equals(plain.quality.select(counts))


def test_an_unbooked_touch_of_a_future_conversion(tmp_path: Path) -> None:
    """A touch that led to a conversion of the future led to none yet, and that is no contradiction."""
    rows = world()
    mine = [row for row in rows["leads"] if row["tenant_id"] == DIRTY.bytes and row["converted_at"]]
    for row in mine:
        row["converted_at"] = NOW + timedelta(days=1)
    result = checked(rows, tmp_path)
    assert dict(result.dropped) == {"converted_in_future": len(mine)}
    booked = [row for row in rows_of(result.manifest, "touches") if row["led_to_booking"]]
    assert {row["tenant_id"] for row in booked} == {TENANTS["Ash"].bytes, OTHER.bytes}


def test_first_hundred_dropped_rows_are_listed_and_all_counted(tmp_path: Path) -> None:
    rows = world()
    PLANTS["channel_unknown"](rows, 120)
    PLANTS["component_out_of_range"](rows, 2)
    result = checked(rows, tmp_path)
    listing = lake.read_table(result.manifest.root, result.listing)
    assert listing is not None
    assert dict(listing["defect"].value_counts().iter_rows()) == {"channel_unknown": 100, "component_out_of_range": 2}
    assert result.dropped["channel_unknown"] == 120
    first = listing.filter(pl.col("defect") == "component_out_of_range").row(0, named=True)
    planted = next(row for row in rows["leads"] if row["tenant_id"] == DIRTY.bytes)
    assert (first["tenant_id"], first["row_id"]) == (DIRTY.bytes, planted["lead_id"])
    assert "timing=NaN" in first["got"]
    assert all(f"{name}=" in first["got"] for name in COMPONENTS)


def test_the_copy_that_stays_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = world()
    mine = [row for row in rows["leads"] if row["tenant_id"] == DIRTY.bytes][:3]
    rows["leads"] += [{**row, "title": "Owner"} for row in mine]
    forward = rows_of(checked(rows, tmp_path / "forward").manifest, "leads")
    rows["leads"].reverse()
    backward = rows_of(checked(rows, tmp_path / "backward").manifest, "leads")
    assert sorted(map(str, forward)) == sorted(map(str, backward))
