"""The one place that speaks to Claude: requests in, answers or faults out. No retries, no costs, no judgement here.

Anthropic's SDK is imported when the first client is opened, so that everything else runs without it. Its own retries
are off: every attempt is ours to count. An exception of the SDK holds the request, and with it the key, so that none
leaves this file; what they say leaves as a Fault, with the key struck out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from agents.replies import NoMessageError, Said, read_message
from contracts.agents import Ending
from contracts.refusal import Reason, Refusal
from settings import Settings

if TYPE_CHECKING:
    import anthropic

STRUCK_OUT = "***"
MOST_SAID = 200  # characters of an error's own words

PASSING = frozenset(
    {
        Ending.RATE_LIMITED,
        Ending.OVERLOADED,
        Ending.SERVER_ERROR,
        Ending.TIMED_OUT,
        Ending.DISCONNECTED,
        Ending.GARBLED,
    }
)
"""Faults after which the same request may succeed."""

NEVER_TAKEN = frozenset({Ending.RATE_LIMITED, Ending.OVERLOADED, Ending.FORBIDDEN, Ending.BAD_REQUEST})
"""Faults that prove that Claude did nothing with the request."""

UNTOLD = frozenset({Ending.TIMED_OUT, Ending.DISCONNECTED, Ending.GARBLED})
"""Faults after which nobody knows whether tokens were used; every other fault costs nothing."""

ENDINGS = {
    "invalid_request_error": Ending.BAD_REQUEST,
    "not_found_error": Ending.BAD_REQUEST,
    "authentication_error": Ending.FORBIDDEN,
    "billing_error": Ending.FORBIDDEN,
    "permission_error": Ending.FORBIDDEN,
    "rate_limit_error": Ending.RATE_LIMITED,
    "overloaded_error": Ending.OVERLOADED,
    "api_error": Ending.SERVER_ERROR,
    "timeout_error": Ending.SERVER_ERROR,
}
"""Claude's types of error, as batches tell them; an unknown type may pass."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer. retry_after: seconds that Claude asks to be left alone for."""

    ending: Ending
    detail: str
    retry_after: float | None = None
    request_id: str | None = None

    @property
    def passing(self) -> bool:
        return self.ending in PASSING


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as Claude has it. size: questions in it."""

    id: str
    created_at: datetime
    ended: bool
    size: int


class Client:
    """Claude behind one key. seconds: to wait for an answer."""

    def __init__(self, key: str, *, base_url: str | None = None, seconds: float) -> None:
        import anthropic

        self._key = key
        self._sdk = anthropic.Anthropic(api_key=key, base_url=base_url, timeout=seconds, max_retries=0)

    def send(self, request: Mapping[str, Any]) -> Said | Fault:
        """Ask one question."""

        def ask() -> Said:
            raw = self._sdk.messages.with_raw_response.create(**request)
            return read_message(raw.http_response.json(), raw.request_id)

        return self._guarded(ask)

    def submit(self, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> RemoteBatch | Fault:
        """Hand over a batch: custom ids and requests. After a fault outside NEVER_TAKEN it may have arrived."""
        listed: Any = [{"custom_id": custom_id, "params": dict(params)} for custom_id, params in requests]
        return self._guarded(lambda: _remote(self._sdk.messages.batches.create(requests=listed)))

    def retrieve(self, remote_id: str) -> RemoteBatch | Fault:
        """How far a batch is."""
        return self._guarded(lambda: _remote(self._sdk.messages.batches.retrieve(remote_id)))

    def recent(self, since: datetime) -> list[RemoteBatch] | Fault:
        """Batches of this key that were created at or after a moment, newest first."""

        def listed() -> Iterator[RemoteBatch]:
            for batch in self._sdk.messages.batches.list(limit=100):  # turns pages by itself, newest first
                found = _remote(batch)
                if found.created_at < since:
                    return
                yield found

        return self._guarded(lambda: list(listed()))

    def results(self, remote_id: str) -> dict[str, Mapping[str, Any]] | Fault:
        """Results of an ended batch by custom id, in no order; of a line that comes twice the first counts."""

        def read() -> dict[str, Mapping[str, Any]]:
            found: dict[str, Mapping[str, Any]] = {}
            with self._sdk.messages.batches.with_streaming_response.results(remote_id) as response:
                for line in filter(str.strip, response.iter_lines()):
                    custom_id, result = _result(json.loads(line))
                    found.setdefault(custom_id, result)
            return found

        return self._guarded(read)

    def close(self) -> None:
        self._sdk.close()

    def _guarded(self, call: Callable[[], Result]) -> Result | Fault:
        import anthropic
        import httpx2

        try:
            return call()
        except anthropic.APIStatusError as error:
            return self._refused(error)
        except (anthropic.APITimeoutError, httpx2.TimeoutException):
            return Fault(Ending.TIMED_OUT, "no answer in time")
        except (anthropic.APIConnectionError, httpx2.HTTPError):
            return Fault(Ending.DISCONNECTED, "the connection failed or was cut")
        except (anthropic.AnthropicError, NoMessageError, json.JSONDecodeError, UnicodeDecodeError) as error:
            return Fault(Ending.GARBLED, f"what came is no answer of the API ({type(error).__name__})")

    def _refused(self, error: anthropic.APIStatusError) -> Fault:
        said = " ".join(part for part in (error.type, error.api_message) if part) or "no reason given"
        return Fault(
            _ending(error.status_code),
            f"{error.status_code} {said.replace(self._key, STRUCK_OUT)[:MOST_SAID]}",
            _retry_after(error.response.headers),
            error.request_id,
        )


def open_client(settings: Settings) -> Client | Refusal:
    """A client with the key that is set, or NO_KEY."""
    if settings.anthropic_api_key is None:
        return Refusal(Reason.NO_KEY, got=0, wanted=1, detail="LEARNBACK_ANTHROPIC_API_KEY is not set")
    address = settings.anthropic_base_url
    return Client(
        settings.anthropic_api_key.get_secret_value(),
        base_url=address.get_secret_value() if address else None,
        seconds=settings.claude_seconds,
    )


@cache
def schema(reply: type[BaseModel]) -> dict[str, Any]:
    """A reply's JSON schema in the dialect that Claude takes; bounds that it lacks become part of descriptions."""
    import anthropic

    return anthropic.transform_schema(reply)


def _remote(batch: Any) -> RemoteBatch:
    """The SDK lets any JSON pass as a batch, so that its fields are looked at here."""
    try:
        counts = batch.request_counts
        size = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
        found = RemoteBatch(batch.id, batch.created_at, batch.processing_status == "ended", size)
    except (AttributeError, TypeError):
        raise NoMessageError("no batch") from None
    if not isinstance(found.created_at, datetime):
        raise NoMessageError("a batch without a time")
    return found


def _result(line: Any) -> tuple[str, Mapping[str, Any]]:
    try:
        return str(line["custom_id"]), dict(line["result"])
    except (KeyError, TypeError, ValueError):
        raise NoMessageError("no result of a batch") from None


def _ending(status: int) -> Ending:
    match status:
        case 401 | 402 | 403:
            return Ending.FORBIDDEN
        case 429:
            return Ending.RATE_LIMITED
        case 529:
            return Ending.OVERLOADED
        case 408 | 409:  # took too long to arrive; met another request's lock
            return Ending.SERVER_ERROR
        case _:
            return Ending.SERVER_ERROR if status >= 500 else Ending.BAD_REQUEST


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, which is how Claude says it."""
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after", "")))
    return None
