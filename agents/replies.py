"""Is this answer one that can be used? First that it is whole, then its contract, then the engines' check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import ValidationError

from contracts.agents import Answer, Ask, Ending, Usage

MOST_FAULTS = 12
"""Faults that are told to Claude; an answer with more has one cause."""

CUT_SHORT = {
    "refusal": "the model declined to answer",
    "max_tokens": "the answer was cut off at the limit of tokens",
    "model_context_window_exceeded": "question and answer together exceed what the model can hold",
    "pause_turn": "the model paused in the middle of its answer",
    "tool_use": "the model called a tool, and it was given none",
}
"""Reasons to stop that leave no whole answer."""


class NoMessageError(ValueError):
    """What came is JSON, and not what the API is documented to send."""


@dataclass(frozen=True, slots=True)
class Said:
    """What Claude answered, before anybody looked at it. stop: its reason to stop."""

    text: str
    stop: str
    model: str
    usage: Usage
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Judged(Generic[Answer]):
    """answer: set where it is accepted. faults: in words, otherwise."""

    ending: Ending
    answer: Answer | None = None
    faults: tuple[str, ...] = ()


def judge(ask: Ask[Answer], said: Said) -> Judged[Answer]:
    """Accept the answer, or say in words why not."""
    if said.stop in CUT_SHORT:
        return Judged(Ending.DECLINED, faults=(CUT_SHORT[said.stop],))
    try:
        answer = ask.reply.model_validate_json(said.text)
    except ValidationError as broken:
        return Judged(Ending.INVALID, faults=_in_words(broken))
    objections = tuple(ask.check(answer))
    if objections:
        return Judged(Ending.REJECTED, faults=objections[:MOST_FAULTS])
    return Judged(Ending.ACCEPTED, answer)


def read_message(message: Mapping[str, Any], request_id: str | None = None) -> Said:
    """A message of the Messages API as it came; raises NoMessageError where it is none.

    Read here rather than by the SDK's models, which let anything pass that is JSON.
    """
    try:
        texts = [str(block["text"]) for block in message["content"] if block["type"] == "text"]
        counted = message["usage"]
        usage = Usage(
            input=int(counted["input_tokens"]),
            output=int(counted["output_tokens"]),
            cache_write=int(counted.get("cache_creation_input_tokens") or 0),
            cache_read=int(counted.get("cache_read_input_tokens") or 0),
        )
        return Said("".join(texts), str(message["stop_reason"]), str(message["model"]), usage, request_id)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise NoMessageError("no message") from None


def _in_words(broken: ValidationError) -> tuple[str, ...]:
    """`steps.0.day: Input should be greater than or equal to 0`; never with the value, which may be anything."""
    errors = broken.errors(include_url=False, include_input=False, include_context=False)
    return tuple(
        f"{'.'.join(map(str, error['loc'])) or 'the answer'}: {error['msg']}" for error in errors[:MOST_FAULTS]
    )
