"""What was known at an earlier moment? Rows of the extracts as they were then, and fingerprints that tell whether
anything that was known then has changed since.

The rules are those of the built-in queries (store/extracts/*.sql): a row dated later is not there yet, and neither is a
later conversion, score or outcome. One extraction therefore serves every earlier moment; a test holds both to the same
rows. Nothing here knows when columns without a date of their own (title, opted_out …) were last changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import polars as pl

from contracts.canonical import content_hash
from contracts.outcomes import COMPONENTS, EXTRACTS

TIME = pl.Datetime("us", "UTC")
Frames = Mapping[str, pl.LazyFrame]

HALF = 2**32


def known_at(extracts: Frames, as_of: datetime) -> dict[str, pl.LazyFrame]:
    """The extracts of one slice as they were known at `as_of`. Columns that are missing stay missing."""
    then = pl.lit(as_of).cast(TIME)
    return {
        "tenants": extracts["tenants"],
        "leads": _leads(_dated(extracts["leads"], "leads", then), then),
        "touches": _touches(_dated(extracts["touches"], "touches", then), extracts["leads"], then),
        "message_tests": _dated(extracts["message_tests"], "message_tests", then),
    }


def _dated(frame: pl.LazyFrame, extract: str, then: pl.Expr) -> pl.LazyFrame:
    return frame.filter(~(pl.col(EXTRACTS[extract].dated_by) > then).fill_null(value=False))


def _leads(leads: pl.LazyFrame, then: pl.Expr) -> pl.LazyFrame:
    present = set(leads.collect_schema().names())
    converts = (pl.col("converted_at") > then).fill_null(value=False)
    columns = {
        "status": pl.when((pl.col("status") == "converted") & converts).then(pl.lit("contacted")).otherwise("status"),
        "converted_at": pl.when(~converts).then("converted_at"),
    }
    if "scored_at" in present:
        scored = ~(pl.col("scored_at") > then).fill_null(value=False)
        columns |= {name: pl.when(scored).then(name) for name in ("scored_at", *COMPONENTS) if name in present}
    return leads.with_columns(**columns)


def _touches(touches: pl.LazyFrame, leads: pl.LazyFrame, then: pl.Expr) -> pl.LazyFrame:
    present = set(touches.collect_schema().names())
    if "outcome_at" in present:
        known = ~(pl.col("outcome_at") > then).fill_null(value=False)
        touches = touches.with_columns(outcome_at=pl.when(known).then("outcome_at"))
    if "led_to_booking" not in present:
        return touches
    later = leads.filter(pl.col("converted_at") > then).select("tenant_id", "lead_id", booked_later=True).unique()
    return (
        touches.join(later, on=("tenant_id", "lead_id"), how="left", maintain_order="left")
        .with_columns(pl.col("led_to_booking") & pl.col("booked_later").is_null())
        .drop("booked_later")
    )


def fingerprints(extracts: Frames, moments: Sequence[datetime]) -> dict[UUID, tuple[str, ...]]:
    """Per tenant of one slice a fingerprint at each of the moments, which ascend, of all that was known of it then.

    A fact is what one row tells at one time: that a lead came, was scored, converted; that a touch was made, was
    answered. Its hash counts from that time on, and hashes add up, so that a moment's fingerprint is a running sum:
    one pass over the rows serves all moments.
    """
    facts = [*_facts_of_leads(extracts["leads"]), *_facts_of_touches(extracts), _facts_of_tests(extracts)]
    sums = _summed(pl.concat(facts), moments)
    tenants = extracts["tenants"].select("tenant_id", said=_hash(extracts["tenants"])).sort("tenant_id").collect()
    return {
        UUID(bytes=tenant_id): _running(said, sums.get(tenant_id, {}), len(moments))
        for tenant_id, said in tenants.iter_rows()
    }


_Sums = tuple[int, int, int]
"""Facts, and the sums of the lower and upper halves of their hashes, which cannot overflow."""


def _summed(facts: pl.LazyFrame, moments: Sequence[datetime]) -> dict[bytes, dict[int, _Sums]]:
    """Tenant → place of the first moment that knows them → sums of its facts."""
    rows = facts.collect()
    edges = pl.Series(list(moments), dtype=TIME).to_physical()
    place = edges.search_sorted(rows["at"].to_physical().fill_null(edges[0]), side="left")
    summed = (
        rows.select("tenant_id", "hash", place=place)
        .filter(pl.col("place") < len(moments))
        .group_by("tenant_id", "place")
        .agg(pl.len(), low=(pl.col("hash") % HALF).sum(), high=(pl.col("hash") // HALF).sum())
    )
    found: dict[bytes, dict[int, _Sums]] = {}
    for tenant_id, first, *sums in summed.iter_rows():
        found.setdefault(tenant_id, {})[first] = (sums[0], sums[1], sums[2])
    return found


def _running(said: int, sums: Mapping[int, _Sums], moments: int) -> tuple[str, ...]:
    total = (0, 0, 0)
    prints = []
    for place in range(moments):
        count, low, high = sums.get(place, (0, 0, 0))
        total = (total[0] + count, total[1] + low, total[2] + high)
        prints.append(content_hash([said, *total]))
    return tuple(prints)


def _facts_of_leads(leads: pl.LazyFrame) -> list[pl.LazyFrame]:
    """That a lead came, that it was scored, that it converted."""
    names = leads.collect_schema().names()
    scored = ("scored_at", *(name for name in COMPONENTS if name in names)) if "scored_at" in names else ()
    converted = pl.col("converted_at").is_not_null()
    status = pl.when((pl.col("status") == "converted") & converted).then(pl.lit("contacted")).otherwise("status")
    came = leads.with_columns(status=status).drop("converted_at", *scored)
    facts = [
        _facts(came, "created_at", *came.collect_schema().names()),
        _facts(leads.filter(converted), "converted_at", "lead_id", "converted_at", "status", after="created_at"),
    ]
    if scored:
        told = leads.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in scored))
        facts.append(_facts(told, "scored_at", "lead_id", *scored, after="created_at"))
    return facts


def _facts_of_touches(extracts: Frames) -> list[pl.LazyFrame]:
    """That a touch was made, that it was answered, that it was the one that led to its lead's conversion."""
    touches = extracts["touches"]
    names = touches.collect_schema().names()
    later = [name for name in ("outcome_at", "led_to_booking") if name in names]
    made = touches.drop(later)
    facts = [_facts(made, "occurred_at", *made.collect_schema().names())]
    if "outcome_at" in later:
        answered = touches.filter(pl.col("outcome_at").is_not_null())
        facts.append(_facts(answered, "outcome_at", "touch_id", "outcome_at", after="occurred_at"))
    if "led_to_booking" in later:
        conversions = extracts["leads"].group_by("tenant_id", "lead_id").agg(pl.col("converted_at").max())
        booked = touches.filter("led_to_booking").join(conversions, on=("tenant_id", "lead_id"), how="left")
        facts.append(_facts(booked, "converted_at", "touch_id", "led_to_booking", after="occurred_at"))
    return facts


def _facts_of_tests(extracts: Frames) -> pl.LazyFrame:
    tests = extracts["message_tests"]
    return _facts(tests, "tested_at", *tests.collect_schema().names())


def _facts(rows: pl.LazyFrame, dated: str, *told: str, after: str | None = None) -> pl.LazyFrame:
    """tenant_id, at, hash: what these columns tell, from `dated` on, and not before `after`."""
    at = pl.max_horizontal(dated, after) if after else pl.col(dated)
    return rows.select("tenant_id", at=at.cast(TIME), hash=pl.struct(*told).hash(seed=len(told)))


def _hash(frame: pl.LazyFrame) -> pl.Expr:
    return pl.struct(*frame.collect_schema().names()).hash()
