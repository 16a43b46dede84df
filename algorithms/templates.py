"""Which texts were sent, and what does each say? One row a template of a tenant, made once per slice.

Features are computed when a text is captured or imported and stored with its touches. The earliest touch of a template
speaks for it, of several at one moment the first by content: a text that changed is another template.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from contracts.learning import Derived, LearningContext
from contracts.outcomes import CHANNELS, CONTENT_FEATURES

NAME = "templates"

TIME = pl.Datetime("us", "UTC")
_FEATURES: dict[str, pl.DataType] = {
    **{name: pl.String() for name in CONTENT_FEATURES[:5]},
    **{name: pl.Boolean() for name in CONTENT_FEATURES[5:]},
}
TEMPLATES = pl.Schema(
    {
        "tenant_id": pl.Binary(),
        "template_id": pl.String(),
        "first_sent": TIME,
        "channel": pl.Enum(CHANNELS),
        **_FEATURES,
    }
)


def make(extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """TEMPLATES of the slice's `touches` up to `context.as_of`, by tenant and template id."""
    touches = _with_optional(extracts["touches"]).filter(pl.col("occurred_at") <= context.as_of)
    keys = touches.select("tenant_id", pl.col("template_id").cast(pl.Categorical), "occurred_at").with_row_index("row")
    named = keys.filter(pl.col("template_id").is_not_null())
    at_first = pl.col("occurred_at") == pl.col("occurred_at").min()
    first = (
        named.group_by("tenant_id", "template_id")
        .agg(
            pl.col("row").sort_by("occurred_at").first(),
            first_sent=pl.col("occurred_at").min(),
            tied=at_first.sum() > 1,
        )
        .collect()
    )
    rows = touches.select("channel", *CONTENT_FEATURES).collect()
    told = first.filter(~pl.col("tied")).select("tenant_id", "template_id", "first_sent", "row")
    told = told.extend(_settled_ties(first.filter("tied"), named, rows))
    found = pl.concat([told.drop("row"), rows[told["row"]]], how="horizontal")
    return found.select(pl.col(name).cast(kind) for name, kind in TEMPLATES.items()).sort("tenant_id", "template_id")


def _settled_ties(tied: pl.DataFrame, named: pl.LazyFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Of templates whose first touches went out at one moment, that whose content comes first: as summaries merge."""
    keys = ["tenant_id", "template_id"]
    at_once = (
        tied.lazy()
        .select(*keys, "first_sent")
        .join(named, left_on=[*keys, "first_sent"], right_on=[*keys, "occurred_at"], how="inner")
        .collect()
    )
    content = rows[at_once["row"]].select(pl.struct(CONTENT_FEATURES).struct.json_encode(), "channel")
    ordered = at_once.hstack(content.rename({content.columns[0]: "content"})).sort("content", "channel", "row")
    return ordered.unique(keys, keep="first", maintain_order=True).select(*keys, "first_sent", "row")


def _with_optional(touches: pl.LazyFrame) -> pl.LazyFrame:
    present = touches.collect_schema().names()
    optional = {"template_id": pl.String(), **_FEATURES}
    return touches.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in optional.items() if name not in present
    )


SENT = Derived(NAME, reads=("touches",), make=make)
