"""`learnback demo`: the whole loop on a simulated agency, from an empty folder to a report."""

from __future__ import annotations


def demo() -> None:
    """Simulate an agency with planted truth, learn from it, publish, rescore its leads, and write a report.

    Starts an embedded PostgreSQL and a local Prefect server under .learnback/ (`learnback down` stops both). Twelve
    simulated tenants are added beside whatever is there; a second demo finds its work done and is faster.
    """
    from cli import demonstration

    demonstration.run()
