"""What the scorer says, situation by situation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from contracts.learning import Incumbent
from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS
from contracts.refusal import Reason
from contracts.who import WhoPattern
from engines.who import SCORED, score, score_frame
from tests.engines.tables import table

NOW = datetime(2025, 3, 2, 2, tzinfo=UTC)
PATTERN = WhoPattern(
    weights=(0.1, 0.4, 0.2, 0.3, 0.0),
    usual=(0.5, 0.5, 0.5, 0.4, 0.9),
    decile_edges=(20, 30, 36, 42, 47, 52, 58, 64, 75),
    intercept=-5.0,
    slope=6.0,
).to_payload()
HEADS = {
    "none": Incumbent(version=0, payload=None),
    "v3": Incumbent(3, PATTERN, valid_until=NOW + timedelta(days=20)),
    "v3, expires now": Incumbent(3, PATTERN, valid_until=NOW),
    "v3, no end": Incumbent(3, PATTERN),
    "v3, weights sum to 2": Incumbent(3, {**PATTERN, "weights": [0.4] * 5}, valid_until=NOW + timedelta(days=20)),
    "v3, schema 99": Incumbent(3, {**PATTERN, "schema": 99}, valid_until=NOW + timedelta(days=20)),
    "v3, no edges": Incumbent(3, {key: PATTERN[key] for key in PATTERN if key != "decile_edges"}),
}


@table("""
    situation                  | components     | head                 | score | tier | chance | because
    middling lead, no pattern  | .5 .5 .5 .5 .5 | none                 | 50.0  | warm | -      | a usual lead; default weights: nothing has been published for this tenant yet
    decision maker, no pattern | .5 1 .5 .5 .5  | none                 | 62.5  | warm | -      | authority +12.5 (1, usually .50); default weights: nothing has been published for this tenant yet
    the same, weights learned  | .5 1 .5 .5 .5  | v3                   | 70.0  | hot  | .3100  | authority +20.0 (1, usually .50), timing +3.0 (.50, usually .40); weights of version 3
    no authority, right moment | .5 0 .5 1 .5   | v3                   | 45.0  | cool | .0911  | authority −20.0 (.00, usually .50), timing +18.0 (1, usually .40); weights of version 3
    risk is worth nothing here | .5 .5 .5 .4 0  | v3                   | 47.0  | warm | .1016  | a usual lead; weights of version 3
    all there is               | 1 1 1 1 1      | v3                   | 100.0 | hot  | .7311  | authority +20.0 (1, usually .50), timing +18.0 (1, usually .40), company fit +10.0 (1, usually .50), data quality +5.0 (1, usually .50); weights of version 3
    nothing at all             | 0 0 0 0 0      | v3                   | 0.0   | cold | .0067  | authority −20.0 (.00, usually .50), timing −12.0 (.00, usually .40), company fit −10.0 (.00, usually .50), data quality −5.0 (.00, usually .50); weights of version 3
    a pattern without an end   | .5 .5 .5 .4 0  | v3, no end           | 47.0  | warm | .1016  | a usual lead; weights of version 3
    expired at this moment     | .5 1 .5 .5 .5  | v3, expires now      | 62.5  | warm | -      | authority +12.5 (1, usually .50); default weights: the published pattern has expired
    weights sum to 2           | .5 1 .5 .5 .5  | v3, weights sum to 2 | 62.5  | warm | -      | authority +12.5 (1, usually .50); default weights: the published pattern cannot be read
    written by a later version | .5 1 .5 .5 .5  | v3, schema 99        | 62.5  | warm | -      | authority +12.5 (1, usually .50); default weights: the published pattern cannot be read
    a part is missing          | .5 1 .5 .5 .5  | v3, no edges         | 62.5  | warm | -      | authority +12.5 (1, usually .50); default weights: the published pattern cannot be read
""")  # fmt: skip  # noqa: E501
def test_score(row: dict[str, str]) -> None:
    components = [float(value) for value in row["components"].split()]
    decided = score(components, HEADS[row["head"]], NOW)
    assert decided.score == pytest.approx(float(row["score"]))
    assert decided.tier == row["tier"]
    assert decided.because == row["because"]
    if row["chance"] == "-":
        assert decided.probability is None
        assert decided.fallback is not None
        assert decided.pattern_version == 0
        assert decided.weights == DEFAULT_WEIGHTS
    else:
        assert decided.probability == pytest.approx(float(row["chance"]), abs=5e-5)
        assert decided.fallback is None
        assert decided.pattern_version == 3


@pytest.mark.parametrize("components", [(0.5,) * 4, (0.5, 0.5, 0.5, 0.5, 1.01), (0.5, 0.5, float("nan"), 0.5, 0.5)])
def test_components_outside_the_contract_are_refused(components: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="wanted 5 numbers from 0 to 1"):
        score(components, HEADS["v3"], NOW)


unit = st.floats(0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(HEADS)), st.tuples(unit, unit, unit, unit, unit)), min_size=1, max_size=30
    )
)
def test_a_frame_is_scored_like_its_leads(leads: list[tuple[str, tuple[float, ...]]]) -> None:
    tenants = {name: UUID(int=place + 1) for place, name in enumerate(sorted(HEADS))}
    frame = pl.DataFrame(
        {
            "tenant_id": pl.Series([tenants[name].bytes for name, _ in leads], dtype=pl.Binary),
            **{part: [values[at] for _, values in leads] for at, part in enumerate(COMPONENTS)},
        }
    )
    heads = {tenants[name]: head for name, head in HEADS.items() if name != "none"}
    scored = score_frame(frame, heads, NOW)
    singly = [score(values, HEADS[name], NOW) for name, values in leads]
    assert scored.select(frame.columns).equals(frame)
    for name in ("score", "stratum", "tier", "pattern_version", "fallback"):
        assert scored[name].to_list() == [getattr(one, name) for one in singly]
    expected = pl.DataFrame({"probability": pl.Series([one.probability for one in singly], dtype=pl.Float64)})
    assert_frame_equal(scored.select("probability"), expected, abs_tol=1e-12)
    for most, one in zip(scored["moved_most"], singly, strict=True):
        largest = abs(one.moved[0][1])
        assert abs(dict(one.moved)[most]) == pytest.approx(largest, abs=1e-9)


def test_a_lead_without_components_has_no_score_and_the_others_keep_theirs() -> None:
    frame = pl.DataFrame(
        {
            "tenant_id": pl.Series([UUID(int=1).bytes] * 3, dtype=pl.Binary),
            **{name: [0.5, None, 1.5] for name in COMPONENTS},
        }
    )
    scored = score_frame(frame, {}, NOW)
    assert scored["score"].to_list() == [50.0, None, None]
    assert scored["tier"].to_list() == ["warm", None, None]
    assert scored["fallback"].to_list() == [Reason.NO_PATTERN] * 3


def test_an_empty_frame_gets_the_columns() -> None:
    frame = pl.DataFrame(schema={"tenant_id": pl.Binary, **dict.fromkeys(COMPONENTS, pl.Float64)})
    assert score_frame(frame, {}, NOW).schema == {**frame.schema, **SCORED}


def test_rollback_is_followed_at_once() -> None:
    lead = (0.5, 1.0, 0.5, 0.5, 0.5)
    assert score(lead, HEADS["v3"], NOW).pattern_version == 3
    assert score(lead, HEADS["none"], NOW).pattern_version == 0
