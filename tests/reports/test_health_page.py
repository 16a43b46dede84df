"""The page of a look: the worst first, names as text, values with their interval, refusals with their numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from contracts.health import TARGETS, Check, HeadHealth, Health, HealthReport, Metric
from contracts.refusal import Reason, Refusal
from reports import health_page

TENANT = UUID(int=1)
NAME = "Pine & <b>Dental</b>"
MONDAY = date(2026, 1, 5)


def _metric(weeks: int, name: str, value: float) -> Metric:
    return Metric(TENANT, MONDAY + timedelta(days=7 * weeks), name, value, value * 0.8, value * 1.2, 120)


@pytest.fixture
def report() -> HealthReport:
    failing = Check("drift", Health.FAILING, "email +82 % odds claimed, -35 % odds since")
    fine = Check("freshness", Health.HEALTHY, "12 days ago")
    heads = (
        HeadHealth(TENANT, NAME, "who", 2, Health.HEALTHY, "nothing speaks against it", (fine,)),
        HeadHealth(TENANT, NAME, "how", 3, Health.FAILING, failing.because, (fine, failing), 3.9, 1, rolled_back=True),
    )
    metrics = [_metric(week, name, value) for week in range(3) for name, value in
               (("booking_rate", 0.04), ("days_to_conversion", 12.0), ("touches_to_convert", 5.5))]  # fmt: skip
    waiting = Refusal(Reason.TOO_FEW_OUTCOMES, 3, 5, "leads whose horizon has passed")
    metrics.append(Metric(TENANT, MONDAY + timedelta(days=21), "booking_rate", None, None, None, 5, waiting))
    metrics.append(Metric(TENANT, MONDAY, "multi_channel_lift", None, None, None, 5, waiting))
    as_of = datetime(2026, 3, 1, 6, tzinfo=UTC)
    return HealthReport(UUID(int=9), as_of, False, heads, tuple(metrics), {TENANT: NAME}, left_out=("Kestrel",))


def test_the_page_tells_everything_and_asks_nobody(report: HealthReport) -> None:
    page = health_page.html(report)
    assert "<b>Dental" not in page
    for said in ("Pine &amp; &lt;b&gt;Dental", "-35 % odds since", "4.0 % (3.2 to 4.8)", "Kestrel", "3 of 5"):
        assert said in page
    assert page.count("<svg") == 3
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_words_and_rows(report: HealthReport) -> None:
    assert health_page.headline(report) == "2 patterns in force: 1 failing, 1 healthy, 1 taken back"
    assert [row["type"] for row in health_page.table(report)] == ["how", "who"]
    assert [health_page.target_in_words(target) for target in TARGETS] == [
        "3 % → 5 %", "14 → 10", "6 → 5", "measured"
    ]  # fmt: skip
    newest = health_page.newest(report, TENANT)
    assert newest["booking_rate"].week == MONDAY + timedelta(days=14), "the newest week that says something"
    assert health_page.value_in_words(newest["multi_channel_lift"]) == "–"
