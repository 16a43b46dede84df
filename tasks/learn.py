"""Learn: population priors first (full runs only), then every tenant's finding, a tenant group at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.learning import Finding, LearningContext, Prior, PriorBook
from contracts.refusal import Reason, Refusal
from contracts.runs import group_of
from store import priors
from tasks.check import Checked
from tasks.connections import store
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import log, stage
from tasks.summarise import Summaries

Said = Finding | Refusal

NOTHING_RESOLVED = Refusal(Reason.TOO_FEW_OUTCOMES, 0, 1, "resolved leads or touches")
"""What is said of a tenant that a summary holds no row of."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What each learner found for each tenant, and the priors that it was given."""

    said: Mapping[str, Mapping[UUID, Said]]
    priors: Mapping[str, PriorBook]

    def of_group(self, learner_name: str, group: int, groups: int) -> dict[UUID, Said]:
        return {tenant: said for tenant, said in self.said[learner_name].items() if group_of(tenant, groups) == group}


def learn(run: Run, checked: Checked, summaries: Summaries) -> Findings:
    """A finding or a refusal for every tenant and learner."""
    with stage(run, "learn", "Learning"):
        books = _priors(run, checked.consenting, summaries)
        futures = [
            (name, learn_slice.submit(whole(run), whole(summaries), name, group, whole(books[name])))
            for name in run.learner_names
            for group in run.groups
        ]
        nothing: dict[UUID, Said] = dict.fromkeys(checked.passed, NOTHING_RESOLVED)
        said: dict[str, dict[UUID, Said]] = {name: dict(nothing) for name in run.learner_names}
        for name, future in futures:
            said[name].update(future.result())
        return Findings(said, books)


def _priors(run: Run, consenting: frozenset[UUID], summaries: Summaries) -> dict[str, PriorBook]:
    """Each learner's priors as they stand for this run; a run of some tenants reads them and never relearns them."""
    books = {name: priors.read(store(run.settings), name, as_of=run.as_of) for name in run.learner_names}
    futures = {
        learner.name: learn_population.submit(
            whole(run), whole(summaries), learner.name, whole(consenting), whole(books[learner.name])
        )
        for learner in run.learners
        if learner.witness is not None and run.only is None
    }
    return books | {name: _with_prior(run, name, future.result(), books[name]) for name, future in futures.items()}


def _with_prior(run: Run, name: str, learned: Prior | Refusal, book: PriorBook) -> PriorBook:
    """The book with what the population taught; as it was where that was too little."""
    if isinstance(learned, Refusal):
        got = f"{learned.got:g} {learned.detail or 'outcomes'}, wanted {learned.wanted:g}"
        log.info("Population prior of %s: not learned (%s)", name, got)
        return book
    if not run.dry_run:
        priors.record(store(run.settings), learned, run_id=run.id)
    return PriorBook((*book.priors, learned))


@task(name="population", task_run_name="population prior of {learner_name}", cache_policy=NO_CACHE)
def learn_population(
    run: Run, summaries: Summaries, learner_name: str, consenting: frozenset[UUID], book: PriorBook
) -> Prior | Refusal:
    """The cross-tenant prior from tenants that consent and passed their checks: one group's counts at a time."""
    learner = registry.learner(learner_name)
    assert learner.witness is not None
    assert learner.pool is not None
    told = [
        learner.witness(summaries.read_of(learner_name, group, consenting), context(run, book)) for group in run.groups
    ]
    return learner.pool(told, context(run, book))


@task(name="learn", task_run_name="learn {learner_name} group {group}", cache_policy=NO_CACHE)
def learn_slice(run: Run, summaries: Summaries, learner_name: str, group: int, book: PriorBook) -> dict[UUID, Said]:
    """One learner's findings for one tenant group."""
    return dict(registry.learner(learner_name).learn(summaries.read(learner_name, group), context(run, book)))


def context(run: Run, book: PriorBook) -> LearningContext:
    return LearningContext(as_of=run.as_of, code_version=run.code_version, priors=book, seed=run.settings.seed)
