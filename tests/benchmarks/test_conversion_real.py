"""What was promised of HOW on public sets, where they are present."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import channel_paths, hillstrom


def needs(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"the public set {path.name} is not in ../shared/data")


@pytest.mark.shared
@needs(channel_paths.FILE)
def test_paths_get_the_exact_markov_credits() -> None:
    told = {figure.key: figure.value for figure in channel_paths.figures() if figure.key}
    markov = told["markov"]
    assert isinstance(markov, dict)
    assert {name: round(markov[name], 1) for name in channel_paths.EXACT} == channel_paths.EXACT
    assert sum(markov.values()) == pytest.approx(19_785, rel=1e-12)
    assert told["conversions_total"] == 19_785
    assert told["shapley_total"] == pytest.approx(19_785, rel=1e-12)


@pytest.mark.shared
@needs(hillstrom.FILE)
@pytest.mark.parametrize("name", ["mens to all", "by past purchase"])
def test_hillstroms_policies_are_valued_from_a_biased_log(name: str) -> None:
    mailing = hillstrom.read(hillstrom.FILE)
    policy = mailing.policies()[name]
    found = hillstrom.repeat(mailing, policy, rows=2_000, repeats=100)
    assert found.naive.mean() - found.truth > 0.014, "the log flatters what recent buyers got"
    for estimate in (found.snips, found.dr):
        assert abs(estimate.mean() - found.truth) < 0.005
    assert found.rmse("snips") < 0.85 * found.rmse("naive")
    assert found.rmse("snips") < found.rmse("ips")
    assert found.covered.mean() >= 0.9
    assert found.effective_n.min() > 100


def test_a_set_that_is_absent_is_told_and_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = channel_paths.figures(tmp_path / "Data.csv")
    assert told.value is None
    assert "Data.csv is not in" in told.meaning
    monkeypatch.setattr(hillstrom, "FILE", tmp_path / "hillstrom_email_data.csv.gz")
    (told,) = hillstrom.figures(quick=True)
    assert told.key is None
    assert told.value is None
