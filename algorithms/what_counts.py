"""What WHAT remembers of a tenant: its texts, and how often each was sent, or shown in a test, and answered.

One frame of integers that add up, of three parts:

    touches    touches at risk by block, channel, policy, band of steps, score decile and template (`unit`)
    templates  what each template says (`content`: CONTENT_FEATURES as JSON), from its earliest touch
    tests      variants of randomised message tests: the test is the `source`, the text the `unit`, and `content` its
               HEADLINE_FEATURES

Rows with equal keys add up, so that summaries have the same bytes however the leads were split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from algorithms.additive import added_up
from algorithms.content import headline_features
from algorithms.later import newly_counted
from algorithms.templates import TEMPLATES
from contracts.outcomes import CHANNELS, CONTENT_FEATURES, HEADLINE_FEATURES

PARTS = ("touches", "templates", "tests")

SUMMARY = pl.Schema(
    {
        "tenant_id": pl.Binary(),
        "shares_priors": pl.Boolean(),
        "part": pl.Enum(PARTS),
        "source": pl.String(),  # policy version of touches, name of tests
        "logged": pl.Boolean(),  # the policy wrote down its probability; from here to stratum only touches
        "block": pl.Int16(),
        "channel": pl.Enum(CHANNELS),
        "band": pl.Int8(),  # 0 for a first touch, 1 for the second and third, 2 for later ones
        "stratum": pl.Int8(),  # score decile, −1 unknown
        "unit": pl.String(),
        "first_sent": TEMPLATES["first_sent"],  # of templates: the earliest speaks
        "content": pl.String(),
        "n": pl.Int64(),
        "s": pl.Int64(),
    }
)
BANDS = (1, 3)
"""Last steps of the first and second band: outcomes grow rare with every touch, and late texts are not early ones."""

_TOUCHES = ("tenant_id", "source", "logged", "block", "channel", "band", "stratum", "unit")
_KEYS = (*_TOUCHES, "first_sent", "content")

TESTS = ("tenant_id", "test", "text", "shown", "converted")
"""Columns of `message_tests` that must be there; HEADLINE_FEATURES are read off the text where they are missing."""


def summarise_messages(extracts: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """SUMMARY of the derived frames `exposures` and `templates`, and of the extract `message_tests` where there is one.

    Part after part, each in order of its keys.
    """
    parts = [_count_touches(extracts["exposures"]), _in_order(_describe(extracts["templates"]))]
    if "message_tests" in extracts:
        parts.append(_in_order(_count_tests(extracts["message_tests"])))
    consents = extracts["tenants"].select("tenant_id", "shares_priors").collect()
    rows = pl.concat(parts, how="diagonal").join(consents, on="tenant_id", maintain_order="left")
    return rows.select(SUMMARY.names())


def merge_summaries(summaries: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One SUMMARY of many."""
    if len(summaries) == 1:
        return summaries[0]
    rows = pl.concat(summaries) if summaries else SUMMARY.to_frame()
    by_part = [rows.filter(pl.col("part") == part) for part in PARTS]
    touches, tests = (added_up([by_part[place]], (*_KEYS, "shares_priors"), ("n", "s")) for place in (0, 2))
    return pl.concat([touches, _in_order(_earliest(by_part[1])), tests])


def counted_since(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """SUMMARY of the touches that `after` counts and `before` does not, with all templates, and without tests."""
    earlier, later = (frame.filter(pl.col("part") == "touches") for frame in (before, after))
    keys = [name for name in SUMMARY if name not in ("n", "s")]
    new = newly_counted(earlier, later, keys)
    return _in_order(pl.concat([new, after.filter(pl.col("part") == "templates")]))


def _count_touches(exposures: pl.LazyFrame) -> pl.DataFrame:
    """Touches with a known template. Rows are told apart by one number each; words come back afterwards."""
    rows = (
        exposures.filter(pl.col("template_id").is_not_null())
        .select(
            "tenant_id",
            "block",
            "channel",
            "stratum",
            "outcome",
            source="policy",
            logged=pl.col("propensity").is_not_null(),
            band=pl.sum_horizontal(pl.col("step") > last for last in BANDS).cast(pl.Int8),
            unit="template_id",
            tenant=pl.col("tenant_id").rle_id(),
        )
        .collect()
    )
    if rows.is_empty():
        return _typed(SUMMARY.to_frame())
    counted = (
        rows.lazy()
        .select("outcome", number=_number(rows))
        .with_row_index("row")
        .group_by("number")
        .agg(pl.col("row").first(), n=pl.len(), s=pl.col("outcome").sum())
        .sort("number")
        .collect()
    )
    words = rows.select(_TOUCHES)[counted["row"]]
    return _typed(words.hstack(counted.select("n", "s")).with_columns(part=pl.lit("touches")))


def _number(rows: pl.DataFrame) -> pl.Series:
    """One integer a row, equal where all of _TOUCHES are, and in their order: nothing but integers is compared."""
    codes = {
        "tenant_id": rows["tenant"],
        "source": _ranked(rows["source"]),
        "block": rows["block"] - rows["block"].min(),
        "channel": rows["channel"].to_physical(),
        "stratum": rows["stratum"] + 1,
        "unit": _ranked(rows["unit"]),
    }
    number = np.zeros(rows.height, np.int64)
    for name in _TOUCHES:
        code = codes.get(name, rows[name]).to_numpy()
        number *= int(code.max()) + 1
        number += code
    return pl.Series(number)


def _ranked(words: pl.Series) -> pl.Series:
    """Categories as their places in the alphabet: the codes themselves depend on what the process read before."""
    distinct = words.unique().cast(pl.String).sort()
    codes = distinct.cast(pl.Categorical).to_physical().to_numpy()
    ladder = np.zeros(codes.max() + 1, np.uint32)
    ladder[codes] = np.arange(len(codes))
    return pl.Series(ladder).gather(words.to_physical())


def _describe(templates: pl.LazyFrame) -> pl.DataFrame:
    rows = templates.select(
        "tenant_id", "first_sent", unit="template_id", content=pl.struct(CONTENT_FEATURES).struct.json_encode()
    )
    return _typed(rows.collect().with_columns(part=pl.lit("templates")))


def _earliest(templates: pl.DataFrame) -> pl.DataFrame:
    """One row a template: its earliest, of equally early ones the first by content."""
    return templates.sort("first_sent", "content").unique(["tenant_id", "unit"], keep="first", maintain_order=True)


def _count_tests(tests: pl.LazyFrame) -> pl.DataFrame:
    """Variants with counts that can be meant; others never reach a learner."""
    present = tests.collect_schema().names()
    marks = [name for name in HEADLINE_FEATURES if name in present]
    variants = (
        tests.filter((pl.col("shown") > 0) & pl.col("converted").is_between(0, pl.col("shown")))
        .filter(pl.col("test").is_not_null() & pl.col("text").is_not_null())
        .group_by("tenant_id", source="test", unit="text")
        .agg(*(pl.col(name).max() for name in marks), n=pl.col("shown").sum(), s=pl.col("converted").sum())
        .collect()
    )
    return _typed(variants.with_columns(content=_marks(variants, marks), part=pl.lit("tests")))


def _marks(variants: pl.DataFrame, stored: Sequence[str]) -> pl.Series:
    """HEADLINE_FEATURES as JSON: those that came with the variants, or all read off the texts where any is missing."""
    if stored == list(HEADLINE_FEATURES) and variants.select(pl.all_horizontal(stored).is_not_null().all()).item():
        flags = variants.select(stored)
    else:
        read = {text: headline_features(text) for text in variants["unit"].unique()}
        flags = pl.DataFrame(
            [read[text] for text in variants["unit"]], schema=dict.fromkeys(HEADLINE_FEATURES, pl.Boolean())
        )
    return flags.select(pl.struct(HEADLINE_FEATURES).struct.json_encode().alias("content")).to_series()


def _typed(part: pl.DataFrame) -> pl.DataFrame:
    """All columns of SUMMARY but shares_priors, which its tenant says."""
    return part.select(
        (pl.col(name) if name in part.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in SUMMARY.items()
        if name != "shares_priors"
    )


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(name for name in SUMMARY if name in rows.columns).sort("part", *_KEYS)
