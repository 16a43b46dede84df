"""What did a pattern of channels meet later? Its claims, and what following it would have brought where it was logged.

Propensities of channels are estimated as in how_value, from all logged touches of the same situation up to the later
moment; only those touches are valued that were counted since the pattern was in force, so that it had seen none.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import polars as pl

from algorithms.evidence import EvidenceConfig, gather
from algorithms.how_counts import KEYS
from algorithms.how_levels import channel_counts, next_channel_counts, tenants
from algorithms.how_rows import PREVIOUS
from algorithms.later import met, newly_counted
from algorithms.off_policy import CLIPPED_AT
from contracts.how import HowPattern, next_key
from contracts.outcomes import CHANNELS
from contracts.walk_forward import InForce, Later, Logged

SITUATION = ("tenant_id", "policy", "stratum", "band", "previous")

COUNTS = {"channels": channel_counts, "next_channel": next_channel_counts}


def follow(
    config: EvidenceConfig, in_force: Mapping[UUID, InForce], before: pl.DataFrame, after: pl.DataFrame
) -> dict[UUID, Later]:
    """Per tenant with a pattern in force and touches counted since `before`."""
    earlier, later = (frame.filter(pl.col("question") == "touches") for frame in (before, after))
    new = newly_counted(earlier, later, KEYS)
    chosen = _propensities(later)
    found = {}
    for tenant in tenants(new):
        held = in_force.get(tenant.tenant_id)
        if held is None:
            continue
        pattern = HowPattern.from_payload(held.payload)
        statistics = gather([count(tenant.cells) for count in COUNTS.values()], config)
        claims = met(pattern.comparisons, dict(zip(COUNTS, statistics, strict=True)))
        mine = chosen.filter(pl.col("tenant_id") == tenant.tenant_id.bytes)
        found[tenant.tenant_id] = Later(held.version, claims, logged=_logged(new, mine, recommended(pattern)))
    return found


def recommended(pattern: HowPattern) -> dict[str, str]:
    """Channel before → channel that the pattern's claims recommend; a channel before without a claim is left out."""
    following, channels = pattern.next_channel, pattern.channels
    if following and following.claimed:
        gains = {level.key: level.gain for level in following.levels if level.n}
        best = {}
        for previous in PREVIOUS:
            known = {name: gains[key] for name in CHANNELS if (key := next_key(previous, name)) in gains}
            if known:
                best[previous] = max(known, key=lambda name: known[name])
        return best
    if channels and channels.claimed:
        return dict.fromkeys(PREVIOUS, channels.recommendation.key)
    return {}


def _propensities(touches: pl.DataFrame) -> pl.DataFrame:
    """SITUATION, channel, p: how often the policy took the channel there; of policies that logged theirs."""
    taken = touches.filter("logged").group_by(*SITUATION, "channel").agg(pl.col("n").sum())
    return taken.select(*SITUATION, "channel", p=pl.col("n") / pl.col("n").sum().over(SITUATION))


def _logged(new: pl.DataFrame, chosen: pl.DataFrame, best: Mapping[str, str]) -> Logged | None:
    """Sums over the tenant's logged touches; None where nothing is recommended, or nothing was logged."""
    rows = new.filter("logged").join(chosen, on=(*SITUATION, "channel"), how="inner")
    if rows.is_empty() or not best:
        return None
    wanted = pl.col("previous").cast(pl.String).replace_strict(dict(best), default=None, return_dtype=pl.String)
    weight = (
        pl.when(wanted.is_null())
        .then(1.0)  # nothing is recommended there: as was done
        .when(wanted == pl.col("channel").cast(pl.String))
        .then((1.0 / pl.col("p")).clip(upper_bound=CLIPPED_AT))
        .otherwise(0.0)
    )
    sums = rows.with_columns(weight=weight).select(
        n=pl.col("n").sum(),
        s=pl.col("s").sum(),
        w=(pl.col("weight") * pl.col("n")).sum(),
        wr=(pl.col("weight") * pl.col("s")).sum(),
        ww=(pl.col("weight") ** 2 * pl.col("n")).sum(),
        wwr=(pl.col("weight") ** 2 * pl.col("s")).sum(),
    )
    n, s, w, wr, ww, wwr = sums.row(0)
    return Logged(int(n), int(s), w, wr, ww, wwr)
