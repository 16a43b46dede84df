"""Two public sets by their built-in recipes: rows, base rates, and what the default weights can do on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS
from tasks.importing import Frames, load_recipe, read_frames

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = {
    "x_education": SHARED / "leads-x-education" / "Leads.csv",
    "bank": SHARED / "uci-bank-marketing" / "bank-additional-full.csv.gz",
}


@pytest.fixture(scope="module")
def frames(request: pytest.FixtureRequest) -> Frames:
    path = FILES[request.param]
    if not path.exists():
        pytest.skip(f"needs the public data set {path.name} in ../shared/data")
    return read_frames(path, load_recipe(request.param))


def default_auc(leads: pl.DataFrame) -> float:
    """Of the default weights on the last 30 % of leads in order of time."""
    later = leads.sort("created_at").tail(len(leads) - int(0.7 * len(leads)))
    return float(
        roc_auc_score(later["converted_at"].is_not_null(), later.select(COMPONENTS).to_numpy() @ DEFAULT_WEIGHTS)
    )


@pytest.mark.shared
@pytest.mark.parametrize(
    ("frames", "rows", "conversions", "rate", "auc"),
    [("x_education", 9_240, 3_561, 0.3854, 0.649), ("bank", 41_188, 4_640, 0.1127, 0.651)],
    indirect=["frames"],
)
def test_rows_rates_and_default_scores(frames, rows, conversions, rate, auc):
    assert len(frames.leads) == rows
    assert frames.conversions == conversions
    assert frames.conversions / rows == pytest.approx(rate, abs=5e-5)
    assert default_auc(frames.leads) == pytest.approx(auc, abs=0.002)
    assert frames.leads.select(COMPONENTS).null_count().sum_horizontal().item() == 0
    assert frames.leads["lead_id"].n_unique() == rows


@pytest.mark.shared
@pytest.mark.parametrize("frames", ["x_education"], indirect=True)
def test_x_education_is_ordered_by_lead_number_and_select_is_missing(frames):
    numbers = pl.read_csv(FILES["x_education"], infer_schema_length=None).sort("Lead Number")
    assert frames.leads["converted_at"].is_not_null().to_list() == (numbers["Converted"] == 1).to_list()
    assert "Select" not in frames.leads["industry"].to_list()
    assert frames.leads["industry"].null_count() == 1_942 + 1_438


@pytest.mark.shared
@pytest.mark.parametrize("frames", ["x_education"], indirect=True)
def test_x_education_ranks_look_back_only(frames):
    """The fast ranks of the import against the obvious count over earlier rows."""
    rows = pl.read_csv(FILES["x_education"], infer_schema_length=None).sort("Lead Number").head(400)
    time = rows["Total Time Spent on Website"].to_numpy()
    pages = rows["Page Views Per Visit"].fill_null(0).to_numpy()

    def slow(values: np.ndarray) -> np.ndarray:
        below = [((values[:i] < v).sum() + 0.5 * (values[:i] == v).sum()) / max(i, 1) for i, v in enumerate(values)]
        return np.array([0.5, *below[1:]])

    np.testing.assert_allclose(frames.leads["timing"].head(400), 0.7 * slow(time) + 0.3 * slow(pages))
