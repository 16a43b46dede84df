"""The rules that stand in for a source's own components, lead by lead."""

from __future__ import annotations

import polars as pl
import pytest

from algorithms.components import by_rule, complete
from contracts.outcomes import COMPONENTS
from tests.engines.tables import table

COLUMNS = {
    "title": pl.String,
    "industry": pl.String,
    "employee_count": pl.Int64,
    "country": pl.String,
    "source": pl.String,
    "email": pl.String,
    "phone": pl.String,
    "company": pl.String,
}


@table("""
    lead             | title                   | employee_count | source         | email           | phone | industry | data_quality | authority | company_fit | timing | risk
    nothing known    |                         |                |                |                 |       |          | 0            | 0.3       | 0.24        | 0.3    | 0.6
    owner, asks      | Owner & Founder         | 50             | Contact form   | jo@firm.com.au  | 1     | retail   | 0.75         | 1         | 0.8         | 1      | 1
    vice president   | Vice President Sales    | 800            | Referral       | jo@firm.com.au  | 1     | retail   | 0.75         | 0.8       | 0.68        | 0.9    | 1
    president        | President               | 10             | webinar        | jo@firm.com.au  |       |          | 0.5          | 1         | 0.3         | 0.7    | 0.8
    assistant to CEO | Assistant to the CEO    | 5000           | bought list    | info@firm.com   |       |          | 0.5          | 0.1       | 0.24        | 0.2    | 0.6
    free mail        | Marketing Manager       |                | Google Ads     | jo@gmail.com    | 1     |          | 0.5          | 0.6       | 0.24        | 0.5    | 0.6
    placeholder      | Select                  |                | unknown        | n/a             | -     | Other    | 0            | 0.3       | 0.24        | 0.3    | 0.6
    other words      | Gardener                | 200            | carrier pigeon | jo@firm.com     | 1     |          | 0.625        | 0.35      | 0.6         | 0.4    | 1
""")  # fmt: skip  # noqa: E501
def test_rules(row: dict[str, str]) -> None:
    given = {name: row.get(name) or None for name in COLUMNS}
    lead = pl.DataFrame([given | {"employee_count": int(given["employee_count"] or -1)}], schema=COLUMNS)
    lead = lead.with_columns(pl.when(pl.col("employee_count") >= 0).then("employee_count").alias("employee_count"))
    found = lead.select(by_rule()).row(0, named=True)
    assert {name: pytest.approx(float(row[name])) for name in COMPONENTS} == found


def test_given_components_stay_and_only_missing_ones_are_filled() -> None:
    leads = pl.DataFrame(
        [{"authority": 0.9, "risk": None}, dict.fromkeys(COMPONENTS, 0.4)],
        schema={**COLUMNS, **dict.fromkeys(COMPONENTS, pl.Float64)},
    )
    filled = complete(leads.lazy()).collect().sort("authority")
    assert filled.row(0, named=True).items() >= dict.fromkeys(COMPONENTS, 0.4).items()
    assert filled["authority"][1] == 0.9
    assert filled["risk"][1] == pytest.approx(0.6)


def test_every_rule_stays_in_range_on_any_text() -> None:
    odd = ["", " ", "ceo" * 500, "\N{SNOWMAN}", "@", "info@gmail.com", "(", "NULL"]
    leads = pl.DataFrame(
        {name: odd if kind is pl.String else [0, 1, 10, 11, 10**9, None, 200, 201] for name, kind in COLUMNS.items()},
        schema=COLUMNS,
    )
    for column in leads.select(by_rule()).iter_columns():
        assert column.null_count() == 0
        assert column.is_between(0.0, 1.0).all()
