"""From one tenant's summary to statistics of each content feature's levels, with the luck of single texts taken out.

A text is a template on a channel. Strata are policy × channel × band of steps × score decile: all that a text may have
been chosen by, as far as it was written down. Only deciles may be joined where they are thin.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.evidence import EvidenceConfig, LevelCounts, Statistics, gather
from algorithms.threads import one_thread
from algorithms.what_texts import Spread, TextPrior, learn_spread, of_levels
from contracts.outcomes import CONTENT_FEATURES

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

STRATA = 11
"""Of the logged score: unknown first, then its deciles."""

BANDS = 3
YES, NO = "yes", "no"
"""Levels of features that a text has or has not."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """The texts of one tenant and how they fared.

    counts: their touches and outcomes; levels of these counts are the texts. levels: feature → the level of each text,
    None where it has none. randomised: every touch was chosen with a probability that was written down. left_out:
    touches of rarer texts than were asked for.
    """

    counts: LevelCounts
    levels: Mapping[str, tuple[str | None, ...]]
    randomised: bool
    left_out: int


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """One tenant of a summary. digest: SHA-256 of its rows. oldest_block: as counted in exposures. tests: its rows."""

    tenant_id: UUID
    shares_priors: bool
    digest: str
    oldest_block: int | None
    texts: Texts | None
    tests: pl.DataFrame


def tenants(summary: pl.DataFrame, most: int) -> Iterator[Messages]:
    """Every tenant of a merged summary, in order of its id. most: texts that are looked at, the most used ones."""
    for (tenant_id,), rows in sorted(summary.partition_by("tenant_id", as_dict=True).items()):
        parts = rows.partition_by("part", as_dict=True, include_key=False)
        touches, none = parts.get(("touches",)), rows.clear()
        oldest = None if touches is None else touches["block"].min()
        yield Messages(
            tenant_id=UUID(bytes=tenant_id),
            shares_priors=bool(rows["shares_priors"].all()),
            digest=hashlib.sha256(rows.drop("tenant_id", "shares_priors").write_csv().encode()).hexdigest(),
            oldest_block=oldest if isinstance(oldest, int) else None,
            texts=None if touches is None else _texts(touches, parts.get(("templates",), none), most),
            tests=parts.get(("tests",), none),
        )


def _texts(touches: pl.DataFrame, templates: pl.DataFrame, most: int) -> Texts:
    sent = touches.group_by("channel", "unit").agg(pl.col("n").sum()).sort("n", "channel", "unit", descending=True)
    kept = sent.head(most).sort("channel", "unit").with_row_index("text")
    rows = touches.join(kept.drop("n"), on=("channel", "unit"), maintain_order="left")
    situations = (
        rows.select("source", "channel", "band").unique().sort("source", "channel", "band").with_row_index("group")
    )
    rows = rows.join(situations, on=("source", "channel", "band"), maintain_order="left")
    blocks, block = np.unique(rows["block"].to_numpy(), return_inverse=True)
    stratum = rows["group"].to_numpy().astype(np.int64) * STRATA + rows["stratum"].to_numpy() + 1
    n = np.zeros((len(blocks), situations.height * STRATA, kept.height), np.int64)
    s = np.zeros_like(n)
    place = (block, stratum, rows["text"].to_numpy())
    np.add.at(n, place, rows["n"].to_numpy())
    np.add.at(s, place, rows["s"].to_numpy())
    groups = tuple(np.repeat(np.arange(situations.height), STRATA).tolist())
    content = dict(templates.select("unit", "content").iter_rows())
    said = [json.loads(content.get(unit) or "{}") for unit in kept["unit"]]
    return Texts(
        counts=LevelCounts(tuple(map(str, range(kept.height))), n, s, strata_groups=groups),
        levels={name: tuple(_level(one.get(name)) for one in said) for name in CONTENT_FEATURES},
        randomised=bool(touches["logged"].all()),
        left_out=int(sent["n"][most:].sum()),
    )


def _level(value: object) -> str | None:
    if isinstance(value, bool):
        return YES if value else NO
    return value if isinstance(value, str) else None


def level_statistics(texts: Texts, prior: TextPrior, config: EvidenceConfig) -> tuple[Spread, dict[str, Statistics]]:
    """By how much texts differ, and by feature the statistics of its levels, where there are two or more of them."""
    with one_thread():
        whole = gather([texts.counts], config)[0]
        indicators = {name: _indicators(levels) for name, levels in texts.levels.items()}
        told = {name: (keys, x) for name, (keys, x) in indicators.items() if len(keys) > 1}
        spread = learn_spread(
            whole.u.sum(axis=0), whole.v.sum(axis=0), {name: x for name, (_, x) in told.items()}, prior
        )
        shared = sum((x @ x.T for _, x in told.values()), np.zeros((len(whole.n), len(whole.n))))
        known: dict[bytes, Statistics] = {}
        found = {}
        for name, (keys, x) in told.items():
            has = np.asarray(x.any(axis=1))
            if has.tobytes() not in known:
                known[has.tobytes()] = whole if has.all() else gather([_only(texts.counts, has)], config)[0]
            others = (shared - x @ x.T)[np.ix_(has, has)]
            found[name] = of_levels(known[has.tobytes()], x[has], keys, others, spread)
    return spread, found


def _indicators(levels: tuple[str | None, ...]) -> tuple[tuple[str, ...], Floats]:
    """Levels in use, in order of the alphabet, and which of them each text has."""
    keys = tuple(sorted({level for level in levels if level is not None}))
    return keys, np.array([[level == key for key in keys] for level in levels], np.float64).reshape(
        len(levels), len(keys)
    )


def _only(counts: LevelCounts, has: NDArray[np.bool_]) -> LevelCounts:
    """The counts of some texts."""
    keys = tuple(key for key, kept in zip(counts.keys, has, strict=True) if kept)
    return LevelCounts(keys, counts.n[..., has], counts.s[..., has], counts.strata_groups)
