"""Does what WHAT, WHEN and HOW compute hold on data that nobody simulated?

Bank calls (on which day to call, and how often), Hillstrom's randomised mailing (what a policy is worth), and a public
set of channel paths (attribution).
"""

from __future__ import annotations

import argparse

from benchmarks import bank_when, channel_paths, hillstrom
from benchmarks.harness import Figure, benchmark


@benchmark("conversion_real", "Do WHAT, WHEN and HOW hold on data that nobody simulated?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    return [*bank_when.figures(arguments.quick), *hillstrom.figures(arguments.quick), *channel_paths.figures()]


if __name__ == "__main__":
    measure.main()
