"""Which learners there are, and which frames they share. Tasks iterate these tuples and know no name in them."""

from __future__ import annotations

from algorithms.exposures import EXPOSED
from algorithms.how import HOW
from algorithms.templates import SENT
from algorithms.what import WHAT
from algorithms.when import WHEN
from algorithms.who import WHO
from contracts.learning import Derived, Learner

LEARNERS: tuple[Learner, ...] = (WHO, WHAT, WHEN, HOW)

DERIVED: tuple[Derived, ...] = (EXPOSED, SENT)


def learner(name: str) -> Learner:
    """The learner of that name; raises KeyError with the names that exist."""
    for candidate in LEARNERS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"got {name!r}, wanted one of: {', '.join(each.name for each in LEARNERS)}")
