"""What was promised on public sets, where they are present; and that scripts can read a benchmark's last line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.harness import Figure, benchmark
from benchmarks.who_real import BANK, X_EDUCATION, last_third, rolling
from benchmarks.who_real import measure as who_real
from tasks.importing import load_recipe, read_frames


def needs(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"the public set {path.name} is not in ../shared/data")


@pytest.mark.shared
@needs(X_EDUCATION)
def test_x_education_last_thirty_percent() -> None:
    found = last_third(read_frames(X_EDUCATION, load_recipe("x_education")))
    assert found.learned >= 0.785
    assert found.default == pytest.approx(0.65, abs=0.01)
    assert found.lift_learned.low > found.lift_default


@pytest.mark.shared
@needs(BANK)
def test_bank_in_weekly_use() -> None:
    use = rolling(read_frames(BANK, load_recipe("bank")), blocks=20, quiet=True)
    assert len(use.default) == 19
    assert use.worse_share <= 1 / 19
    assert use.publications >= 1
    assert use.gated.mean() > use.default.mean()


def test_the_last_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    @benchmark("sample", "What is two and two?")
    def measure(arguments: object) -> Sequence[Figure]:
        return [Figure("sum", 4.0, "the sum"), Figure(None, 1, "only shown"), Figure("gone", float("nan"), "nothing")]

    measure.main(["--quick", "--json"])
    *table, last = capsys.readouterr().out.strip().splitlines()
    assert json.loads(last) == {"benchmark": "sample", "quick": True, "sum": 4.0, "gone": None}
    assert any("What is two and two?" in line for line in table)


def test_another_set_wants_its_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        who_real.main(["--leads", "anything.csv"])
    assert ended.value.code == 2
    assert "--leads was given without --map" in capsys.readouterr().err
