"""Population priors: what consenting tenants have in common, versioned by content and dated by what was known.

Simulated tenants have priors among themselves; the first real tenant ends that, and reads none of them.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, exists, select
from sqlalchemy.dialects.postgresql import insert

from contracts.canonical import rounded
from contracts.learning import Prior, PriorBook
from store.scope import learner_scope
from store.tables import PopulationPriors, Tenants

ALL_SIMULATED = ~exists().where(~Tenants.simulated)
"""Whether the store holds nobody but a demo's tenants."""


def read(engine: Engine, learner: str, *, as_of: datetime | None = None) -> PriorBook:
    """A learner's priors in order of time; only those learned at or before `as_of`, where it is given."""
    known = (
        select(PopulationPriors.learner, PopulationPriors.content, PopulationPriors.learned_as_of)
        .where(PopulationPriors.learner == learner, ~PopulationPriors.simulated | ALL_SIMULATED)
        .order_by(PopulationPriors.learned_as_of, PopulationPriors.recorded_at, PopulationPriors.version)
    )
    if as_of is not None:
        known = known.where(PopulationPriors.learned_as_of <= as_of)
    with learner_scope(engine) as connection:
        return PriorBook(tuple(Prior(*row) for row in connection.execute(known)))


def record(engine: Engine, prior: Prior, *, run_id: UUID) -> None:
    """Keep a prior; recording the same content for the same moment again changes nothing."""
    with learner_scope(engine) as connection:
        connection.execute(
            insert(PopulationPriors)
            .values(
                learner=prior.learner,
                version=prior.version,
                learned_as_of=prior.learned_as_of,
                content=rounded(dict(prior.content)),
                simulated=ALL_SIMULATED,
                run_id=run_id,
            )
            .on_conflict_do_nothing()
        )
