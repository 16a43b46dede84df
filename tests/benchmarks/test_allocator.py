"""The benchmark's loop is a loop over the same decisions."""

from __future__ import annotations

from benchmarks.allocator import one_by_one, world
from engines.allocator_frame import plan


def test_the_loop_decides_what_the_plan_decided() -> None:
    leads, planning = world(600)
    made = plan(leads, planning)
    assert len(made.closings) > 10
    assert one_by_one(made, planning) == 1.0
