"""From one tenant's summary to statistics of each content feature's levels, with the luck of single texts taken out.

A text is a template on a channel. Strata are policy × channel × band of steps × score decile: all that a text may have
been chosen by, as far as it was written down. Only deciles may be joined where they are thin.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.evidence import EvidenceConfig, LevelCounts, Statistics, gather
from algorithms.tenant_rows import bounds
from algorithms.what_texts import Spread, TextPrior, learn_spread, of_levels
from contracts.outcomes import CONTENT_FEATURES
from contracts.refusal import Reason, Refusal

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

STRATA = 11
"""Of the logged score: unknown first, then its deciles."""

_SITUATION = ("source", "channel", "band")
"""What a text was chosen in besides the decile; only deciles of one situation may be joined."""

COLUMNS = ("block", "situation", "stratum", "text", "logged", "n", "s")
RARE = -1
"""Text of touches whose template is not among those looked at."""

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


def split_poor(summary: pl.DataFrame, most: int, least: int) -> tuple[pl.DataFrame, dict[UUID, Refusal]]:
    """The summary of those who may be told something, and why nobody else is: too few outcomes for any feature.

    least: min(conversions, non-conversions). Tenants with message tests, or without a feature that varies, are looked
    at one by one. Most tenants of a large population are poor, and need no closer look.
    """
    outcomes = pl.min_horizontal(pl.col("s").sum(), pl.col("n").sum() - pl.col("s").sum())
    touches = summary.filter(pl.col("part") == "touches")
    few = touches.group_by("tenant_id").agg(outcomes.alias("outcomes")).filter(pl.col("outcomes") < least)
    few = few.join(summary.filter(pl.col("part") == "tests"), on="tenant_id", how="anti")
    fared = touches.join(few, on="tenant_id", how="semi").group_by("tenant_id", "channel", "unit")
    texts = _commonest(fared.agg(pl.col("n", "s").sum()), most)
    said = texts.join(_contents(summary), on=("tenant_id", "unit"), how="left")
    said = said.join(_told(said["content"].drop_nulls().unique()), on="content", how="left")
    refused: dict[UUID, Refusal] = {}
    for name in sorted(CONTENT_FEATURES, reverse=True):  # the first in the alphabet speaks
        of_feature = said.filter(pl.col(name).is_not_null()).group_by("tenant_id")
        told = of_feature.agg(outcomes.alias("outcomes"), pl.col(name).n_unique()).filter(pl.col(name) > 1)
        for tenant_id, got in told.select("tenant_id", "outcomes").iter_rows():
            refused[UUID(bytes=tenant_id)] = Refusal(Reason.TOO_FEW_OUTCOMES, got, least)
    poor = pl.Series([tenant.bytes for tenant in refused], dtype=pl.Binary)
    return summary.filter(~pl.col("tenant_id").is_in(poor.implode())), refused


def _told(contents: pl.Series) -> pl.DataFrame:
    """The level of every feature by content."""
    said = [json.loads(content) for content in contents]
    columns = {name: [_level(one.get(name)) for one in said] for name in CONTENT_FEATURES}
    return pl.DataFrame({"content": contents} | columns, schema=dict.fromkeys(("content", *columns), pl.String()))


def _contents(summary: pl.DataFrame) -> pl.DataFrame:
    return summary.filter(pl.col("part") == "templates").select("tenant_id", "unit", "content")


def tenants(summary: pl.DataFrame, most: int) -> Iterator[Messages]:
    """Every tenant of a merged summary, in order of its id. most: texts that are looked at, the most used ones."""
    touches, texts = _numbered(summary.filter(pl.col("part") == "touches"), most)
    contents = texts.join(_contents(summary), on=("tenant_id", "unit"), how="left", maintain_order="left")["content"]
    counted = {name: touches[name].fill_null(RARE).to_numpy() for name in COLUMNS}
    of_touches, of_texts = bounds(touches), bounds(texts)
    rows = summary.sort("tenant_id", maintain_order=True)
    in_tests, shares_priors = ((rows["part"] == "tests").to_numpy(), rows["shares_priors"].to_numpy())
    unnamed = rows.drop("tenant_id", "shares_priors")
    for tenant_id, own in bounds(rows).items():
        sent = of_touches.get(tenant_id)
        mine = {name: column[sent] for name, column in counted.items()} if sent else None
        yield Messages(
            tenant_id=UUID(bytes=tenant_id),
            shares_priors=bool(shares_priors[own].all()),
            digest=hashlib.sha256(unnamed[own].write_csv().encode()).hexdigest(),
            oldest_block=int(mine["block"].min()) if mine else None,
            texts=_texts(mine, contents[of_texts[tenant_id]].to_list()) if mine else None,
            tests=rows[own.stop - int(in_tests[own].sum()) : own.stop],  # the last part
        )


def _numbered(touches: pl.DataFrame, most: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Touches with `text` (null for rarer ones) and `situation`, counted from 0 in each tenant; and the texts."""
    rank = pl.int_range(pl.len(), dtype=pl.Int64).over("tenant_id")
    used = touches.group_by("tenant_id", "channel", "unit").agg(pl.col("n").sum())
    texts = _commonest(used, most).drop("n").sort("tenant_id", "channel", "unit").with_columns(text=rank)
    met = touches.select("tenant_id", *_SITUATION).unique().sort("tenant_id", *_SITUATION).with_columns(situation=rank)
    placed = touches.join(texts, on=("tenant_id", "channel", "unit"), how="left", maintain_order="left")
    return placed.join(met, on=("tenant_id", *_SITUATION), maintain_order="left"), texts


def _commonest(texts: pl.DataFrame, most: int) -> pl.DataFrame:
    """Of each tenant the `most` texts of the most touches."""
    rank = pl.int_range(pl.len(), dtype=pl.Int64).over("tenant_id")
    return texts.sort("n", "channel", "unit", descending=[True, False, False]).filter(rank < most)


def _texts(touches: Mapping[str, NDArray[Any]], contents: Sequence[str | None]) -> Texts:
    """touches: COLUMNS of one tenant, (rows,) each."""
    known = touches["text"] != RARE
    row = {name: column[known] for name, column in touches.items()}
    blocks, block = np.unique(row["block"], return_inverse=True)
    situations = int(touches["situation"].max()) + 1
    n = np.zeros((len(blocks), situations * STRATA, len(contents)), np.int64)
    s = np.zeros_like(n)
    place = (block, row["situation"] * STRATA + row["stratum"] + 1, row["text"])
    np.add.at(n, place, row["n"])
    np.add.at(s, place, row["s"])
    groups = tuple(np.repeat(np.arange(situations), STRATA).tolist())
    said = [json.loads(content or "{}") for content in contents]
    return Texts(
        counts=LevelCounts(tuple(map(str, range(len(contents)))), n, s, strata_groups=groups),
        levels={name: tuple(_level(one.get(name)) for one in said) for name in CONTENT_FEATURES},
        randomised=bool(touches["logged"].all()),
        left_out=int(touches["n"].sum() - n.sum()),
    )


def _level(value: object) -> str | None:
    if isinstance(value, bool):
        return YES if value else NO
    return value if isinstance(value, str) else None


def level_statistics(texts: Texts, prior: TextPrior, config: EvidenceConfig) -> tuple[Spread, dict[str, Statistics]]:
    """By how much texts differ, and by feature the statistics of its levels, where there are two or more of them."""
    whole = gather([texts.counts], config)[0]
    indicators = {name: _indicators(levels) for name, levels in texts.levels.items()}
    told = {name: (keys, x) for name, (keys, x) in indicators.items() if len(keys) > 1}
    spread = learn_spread(whole.u.sum(axis=0), whole.v.sum(axis=0), {name: x for name, (_, x) in told.items()}, prior)
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
