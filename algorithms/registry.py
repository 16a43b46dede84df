"""Which learners there are. Tasks iterate this tuple and know none of them by name."""

from __future__ import annotations

from algorithms.who import WHO
from contracts.learning import Learner

LEARNERS: tuple[Learner, ...] = (WHO,)


def learner(name: str) -> Learner:
    """The learner of that name; raises KeyError with the names that exist."""
    for candidate in LEARNERS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"got {name!r}, wanted one of: {', '.join(each.name for each in LEARNERS)}")
