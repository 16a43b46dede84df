"""Does what WHAT, WHEN and HOW compute hold on data that nobody simulated?

Bank calls (on which day to call, and how often), Hillstrom's randomised mailing (what a policy is worth), and a public
set of channel paths (attribution). `--tests FILE.csv` adds WHAT: learned on the first half of randomised message tests,
its claims judged by the second half, beside the pooled z-test.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import bank_when, channel_paths, hillstrom, message_tests
from benchmarks.harness import Figure, benchmark


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tests",
        type=Path,
        metavar="FILE",
        help="also learn WHAT from these message tests (test, text, shown, converted)",
    )


@benchmark("conversion_real", "Do WHAT, WHEN and HOW hold on data that nobody simulated?", _options)
def measure(arguments: argparse.Namespace) -> list[Figure]:
    told = [*bank_when.figures(arguments.quick), *hillstrom.figures(arguments.quick), *channel_paths.figures()]
    return [*told, *message_tests.figures(arguments.tests)] if arguments.tests else told


if __name__ == "__main__":
    measure.main()
