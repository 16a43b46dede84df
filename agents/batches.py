"""What can wait, at half the price: Message Batches that no crash can lose, and that nobody pays twice.

    intended ──claim, submit──▶ submitted ──ended at Claude──▶ collected ──▶ next round for what is to be asked again
        ▲          │ killed, or no answer: has Claude got it?
        └──────────┴─ look through its recent batches for our custom ids

Claude's list tells of a batch only when it was made and how large it is; custom ids stand in the results, which exist
once it has ended. So while a batch that might be ours is being worked on, nothing is sent again: it is waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from agents import client as transport
from agents import pricing, questions
from agents.asking import Claude, Result, refusal
from agents.client import ENDINGS, NEVER_TAKEN, PASSING, UNTOLD, Fault, RemoteBatch
from agents.replies import Judged, NoMessageError, Said, judge, read_message
from contracts.agents import (
    Answer,
    Ask,
    Attempt,
    BatchItem,
    BatchLedger,
    BatchState,
    Collected,
    Ending,
    ItemState,
    Kind,
    Settled,
    StoredBatch,
    Usage,
)
from contracts.refusal import Refusal

log = logging.getLogger("learnback")

OURS = "lb-"
"""Begins every custom id."""

MOST_QUESTIONS = 100_000
"""That one batch may hold."""


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """When to be sure, and when to stop."""

    skew: timedelta = timedelta(minutes=10)  # by which Claude's clock may differ from the store's
    settling: timedelta = timedelta(minutes=10)  # after which a submission is in Claude's list, or never arrived
    rounds: int = 4  # of one question: expired twice and repaired once still ends


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing went wrong, and not everything is answered: ask again later."""

    why: str


def run(
    job: str,
    asks: Mapping[str, Ask[Answer]],
    *,
    claude: Claude,
    ledger: BatchLedger,
    now: datetime,
    config: BatchConfig = BatchConfig(),
) -> Mapping[str, Answer | Refusal | Waiting] | Refusal:
    """Bring a job as far as it goes now, and say how far: by key the answer, the refusal, or that it waits.

    job: names these questions for ever; calling again with it asks nothing anew, whatever became of the process that
    called before. asks: by the caller's key; answers are checked by them, so that they must be the same each time.
    A Refusal as a whole: Claude could not be reached, or does not take the batch; nothing is lost.
    """
    if len(asks) > MOST_QUESTIONS:
        raise ValueError(f"got {len(asks)} questions for job {job}, and a batch holds at most {MOST_QUESTIONS}")
    if not asks:
        return {}
    work = _Job(job, asks, claude, ledger, now, config)
    ledger.intend(job, [work.item(key, ask) for key, ask in asks.items()])
    for _ in range(config.rounds):
        batch = next((one for one in ledger.open_batches() if one.job == job), None)
        if batch is None:
            break
        stopped = work.advance(batch)
        if isinstance(stopped, Refusal):
            return stopped
        if stopped is not None:
            return work.told(stopped)
    return work.told(Waiting("it is asked again in a further batch"))


@dataclass(frozen=True, slots=True)
class _Job(Generic[Answer]):
    name: str
    asks: Mapping[str, Ask[Answer]]
    claude: Claude
    ledger: BatchLedger
    now: datetime
    config: BatchConfig

    def item(self, key: str, ask: Ask[Answer]) -> BatchItem:
        model = self.claude.models[ask.strength]
        prompt, sha256 = questions.label(ask, repaired=False)
        return BatchItem(
            custom_id=_custom_id(),
            key=key,
            kind=Kind.FIRST,
            prompt=prompt,
            prompt_sha256=sha256,
            model=model,
            request=questions.request(ask, model, transport.schema(ask.reply)),
        )

    def told(self, waiting: Waiting) -> dict[str, Answer | Refusal | Waiting]:
        """By key what is known. Accepted answers were checked when they were collected; here they are only read."""
        return {
            key: self.asks[key].reply.model_validate_json(known) if isinstance(known, str) else known or waiting
            for key, known in self.ledger.outcomes(self.name).items()
            if key in self.asks
        }

    def advance(self, batch: StoredBatch) -> Waiting | Refusal | None:
        """Submit what is not submitted, collect what has ended. None: this batch is done with."""
        if batch.state is BatchState.INTENDED:
            found = self._found(batch) if batch.claimed_at else None
            if isinstance(found, (Waiting, Refusal)):
                return found
            remote = found or self._submit(batch)
            if not isinstance(remote, RemoteBatch):
                return remote
            self.ledger.submitted(batch.id, remote.id)
            batch = replace(batch, remote_id=remote.id)
        assert batch.remote_id is not None
        return self._collect(batch, batch.remote_id)

    def _found(self, batch: StoredBatch) -> RemoteBatch | Waiting | Refusal | None:
        """What became of a submission that nobody recorded. None: Claude never got it."""
        recent = self._free(lambda: self.claude.client.recent(batch.intended_at - self.config.skew))
        if isinstance(recent, Fault):
            return _unavailable(recent)
        known, mine = self.ledger.known_remotely(), {item.custom_id for item in batch.items}
        perhaps = [one for one in recent if one.size == len(mine) and one.id not in known]
        for remote in (one for one in perhaps if one.ended):
            results = self._free(partial(self.claude.client.results, remote.id))
            if isinstance(results, Fault):
                return _unavailable(results)
            if mine & results.keys():
                log.info("Batch %s was submitted before, and is found again", remote.id)
                return remote
        if any(not one.ended for one in perhaps):
            return Waiting("a batch that may be this one is being worked on, and tells its questions when it ends")
        assert batch.claimed_at is not None
        if self.now - batch.claimed_at < self.config.settling:
            return Waiting("its submission was cut off, and may still arrive")
        return None

    def _submit(self, batch: StoredBatch) -> RemoteBatch | Waiting | Refusal:
        if self.ledger.claim(batch) is None:
            return Waiting("another process submits it")
        requests = [(item.custom_id, item.request) for item in batch.items]
        remote = self.claude.patiently(
            lambda: self.claude.client.submit(requests), until=lambda fault: fault.ending not in NEVER_TAKEN
        )
        if not isinstance(remote, Fault):
            return remote
        if remote.ending in NEVER_TAKEN:
            self.ledger.release(batch.id)
        return _unavailable(remote)

    def _collect(self, batch: StoredBatch, remote_id: str) -> Waiting | Refusal | None:
        remote = self._free(lambda: self.claude.client.retrieve(remote_id))
        if isinstance(remote, Fault):
            return _unavailable(remote)
        if not remote.ended:
            return Waiting("Claude works on it; batches end within a day")
        results = self._free(lambda: self.claude.client.results(remote_id))
        if isinstance(results, Fault):
            return _unavailable(results)
        missing = [item.key for item in batch.items if item.custom_id not in results]
        if missing:  # paid for, perhaps: so they are read again, and not asked again
            return Waiting(f"{len(missing)} of {len(batch.items)} results have not come")
        seconds = (self.now - remote.created_at).total_seconds()
        fates = [self._fate(batch, item, results[item.custom_id], seconds) for item in batch.items]
        following = tuple(again for _, again in fates if again)
        self.ledger.collect(Collected(batch.id, remote_id, tuple(settled for settled, _ in fates), following))
        return None

    def _fate(
        self, batch: StoredBatch, item: BatchItem, result: Mapping[str, Any], seconds: float
    ) -> tuple[Settled, BatchItem | None]:
        """What becomes of one question: settled, and perhaps asked again."""
        said = _said(result)
        judged = self._judged(item, said)
        usage = said.usage if isinstance(said, Said) else None if said.ending in UNTOLD else Usage()
        attempt = Attempt(
            call_id=_call_id(batch.job, item.key),
            number=batch.round,
            kind=item.kind,
            ending=judged.ending,
            prompt=item.prompt,
            prompt_sha256=item.prompt_sha256,
            model=item.model,
            usage=usage,
            cost=pricing.cost(item.model, usage, batched=True),
            seconds=seconds,
            batched=True,
        )
        if judged.ending is Ending.ACCEPTED:
            assert isinstance(said, Said)
            return Settled(custom_id=item.custom_id, state=ItemState.ANSWERED, attempt=attempt, text=said.text), None
        again = self._again(item, said, judged) if batch.round < self.config.rounds else None
        if again:
            return Settled(custom_id=item.custom_id, state=ItemState.AGAIN, attempt=attempt), again
        no = refusal(judged.ending, "; ".join(judged.faults), batch.round)
        return Settled(custom_id=item.custom_id, state=ItemState.REFUSED, attempt=attempt, refusal=no), None

    def _judged(self, item: BatchItem, said: Said | Fault) -> Judged[Answer]:
        if isinstance(said, Fault):
            return Judged(said.ending, faults=(said.detail,))
        ask = self.asks.get(item.key)
        if ask is None:
            return Judged(Ending.REJECTED, faults=("the question is no longer asked",))
        return judge(ask, said)

    def _again(self, item: BatchItem, said: Said | Fault, judged: Judged[Answer]) -> BatchItem | None:
        """The same question for the next round, repaired where that was not done yet; None where it is over."""
        if isinstance(said, Fault):
            retried = Kind.REPAIR if item.kind is Kind.REPAIR else Kind.RETRY
            unpaid = said.ending is Ending.EXPIRED or said.ending in PASSING - UNTOLD
            return replace(item, custom_id=_custom_id(), kind=retried) if unpaid else None
        ask = self.asks.get(item.key)
        if ask is None or item.kind is Kind.REPAIR or judged.ending is Ending.DECLINED:
            return None
        prompt, sha256 = questions.label(ask, repaired=True)
        return replace(
            item,
            custom_id=_custom_id(),
            kind=Kind.REPAIR,
            prompt=prompt,
            prompt_sha256=sha256,
            request=questions.repair(item.request, said.text, judged.faults),
        )

    def _free(self, call: Callable[[], Result | Fault]) -> Result | Fault:
        """Reading costs nothing, so that every passing fault may be tried again."""
        return self.claude.patiently(call, until=lambda fault: False)


def _said(result: Mapping[str, Any]) -> Said | Fault:
    """One result of a batch: the message, or by which fault there is none."""
    match result:
        case {"type": "succeeded", "message": message}:
            try:
                return read_message(message)
            except NoMessageError:
                return Fault(Ending.GARBLED, "its result is no message of the API")
        case {"type": "expired"}:
            return Fault(Ending.EXPIRED, "its batch ended before its turn")
        case {"type": "canceled"}:
            return Fault(Ending.CANCELED, "its batch was canceled")
        case {"type": "errored", "error": {"error": {"type": kind}}}:
            return Fault(ENDINGS.get(kind, Ending.SERVER_ERROR), f"Claude answered {kind}")
        case _:
            return Fault(Ending.GARBLED, "its result is none that is known")


def _unavailable(fault: Fault) -> Refusal:
    return refusal(fault.ending, fault.detail, 0)


def _custom_id() -> str:
    return f"{OURS}{uuid4().hex}"


def _call_id(job: str, key: str) -> UUID:
    """Rounds of one question share it, whichever process collects them."""
    return uuid5(NAMESPACE_OID, f"{job}\n{key}")
