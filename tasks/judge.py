"""Judge: every finding meets outcomes that it did not see, beside the incumbent that it would replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.learning import Incumbent, PriorBook, Ruling, Verdict
from contracts.refusal import Refusal
from store import book
from tasks.connections import store
from tasks.learn import Findings, Said, context
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import stage
from tasks.summarise import Summaries


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Each learner's verdict for each tenant, and the incumbents that they were held against."""

    ruled: Mapping[str, Mapping[UUID, Verdict]]
    incumbents: Mapping[str, Mapping[UUID, Incumbent]]


def judge(run: Run, summaries: Summaries, findings: Findings) -> Verdicts:
    """A verdict for every tenant and learner: publish, hold or refuse, each with its reason."""
    with stage(run, "judge", "Judging against the incumbents"):
        incumbents = {name: book.incumbents(store(run.settings), name) for name in run.learner_names}
        futures = [
            (
                name,
                judge_slice.submit(
                    whole(run),
                    whole(summaries),
                    name,
                    group,
                    whole(findings.of_group(name, group, len(run.groups))),
                    whole(incumbents[name]),
                    whole(findings.priors[name]),
                ),
            )
            for name in run.learner_names
            for group in run.groups
        ]
        ruled = {name: _refused(findings.said[name]) for name in run.learner_names}
        for name, future in futures:
            ruled[name].update(future.result())
        return Verdicts(ruled, incumbents)


def _refused(said: Mapping[UUID, Said]) -> dict[UUID, Verdict]:
    """The verdict on tenants about which nothing was found; a gate may say more."""
    return {
        tenant: Verdict(Ruling.REFUSE, refusal=refusal)
        for tenant, refusal in said.items()
        if isinstance(refusal, Refusal)
    }


@task(name="judge", task_run_name="judge {learner_name} group {group}", cache_policy=NO_CACHE)
def judge_slice(
    run: Run,
    summaries: Summaries,
    learner_name: str,
    group: int,
    said: Mapping[UUID, Said],
    incumbents: Mapping[UUID, Incumbent],
    priors: PriorBook,
) -> dict[UUID, Verdict]:
    """One learner's verdicts for one tenant group."""
    summary = summaries.read(learner_name, group)
    return dict(registry.learner(learner_name).judge(summary, said, incumbents, context(run, priors)))
