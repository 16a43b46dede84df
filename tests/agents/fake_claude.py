"""A local server that speaks Messages and Message Batches as far as the real SDK needs them, with faults on demand.

It counts what it would bill, so that a test can hold our costs against the bill. Faults are queued and met in order,
one a request; without one it answers. No streaming.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from contracts.agents import Usage

KEY = "sk-ant-test-0123456789-very-secret"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with one request. after: the request is served, and billed, before it goes wrong."""

    kind: str  # status, body, hang, drop
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False


def status(code: int, kind: str, message: str = "try again", **headers: str) -> Trouble:
    """An error as Claude words it."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}})
    return Trouble("status", code, body.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


RATE_LIMITED = status(429, "rate_limit_error")
OVERLOADED = status(529, "overloaded_error")
BROKEN = status(500, "api_error")
HANG = Trouble("hang")
DROP = Trouble("drop")
DROP_AFTER_WORK = Trouble("drop", after=True)
MALFORMED = Trouble("body", body=b'{"id": "msg_1", "content": [{"type": "te', after=True)
ANOTHER_THING = Trouble("body", body=b'{"hello": "I am no message"}', after=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer."""

    text: str
    stop: str = "end_turn"


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens that were charged. question: the first user turn; custom_id: of a batch's item."""

    question: str
    model: str
    usage: Usage
    custom_id: str | None = None


@dataclass(slots=True)
class Batch:
    id: str
    created_at: datetime
    requests: list[dict[str, Any]]
    results: list[dict[str, Any]] | None = None


Answering = Callable[[dict[str, Any]], Reply]
Fate = Callable[[str], "dict[str, Any] | None"]


@dataclass(slots=True)
class FakeClaude:
    """What the server does, and what it saw. fate: of a batch's question, where it is not answered."""

    url: str = ""
    troubles: deque[Trouble | None] = field(default_factory=deque)
    replies: deque[Reply] = field(default_factory=deque)
    answer: Answering = field(default=lambda request: Reply("{}"))
    fate: Fate = field(default=lambda question: None)
    at_once: bool = True  # batches end when they are made
    doubled: bool = False  # every result comes twice
    lost_results: int = 0  # lines missing from the end of the results
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    billed: list[Bill] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _cached: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    def asked(self, *troubles: Trouble | None) -> None:
        """What the next requests meet; None for nothing."""
        self.troubles.extend(troubles)

    def says(self, *texts: str | Reply) -> None:
        """What the next questions are answered."""
        self.replies.extend(text if isinstance(text, Reply) else Reply(text) for text in texts)

    @property
    def questions(self) -> list[dict[str, Any]]:
        """Bodies of all requests to Messages, in order."""
        return [body for path, body in self.seen if path == "/v1/messages"]

    def finish(self) -> None:
        """End every batch."""
        for batch in self.batches:
            if batch.results is None:
                batch.results = [self._result(request) for request in batch.requests]

    def message(self, params: dict[str, Any], custom_id: str | None = None) -> dict[str, Any]:
        """Answer one question, and bill it."""
        with self._lock:
            reply = self.replies.popleft() if self.replies and custom_id is None else self.answer(params)
            usage = self._count(params, reply)
            self.billed.append(Bill(_question(params), params["model"], usage, custom_id))
        return {
            "id": f"msg_{len(self.billed)}",
            "type": "message",
            "role": "assistant",
            "model": params["model"],
            "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": reply.text}],
            "stop_reason": reply.stop,
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.input,
                "output_tokens": usage.output,
                "cache_creation_input_tokens": usage.cache_write,
                "cache_read_input_tokens": usage.cache_read,
            },
        }

    def _count(self, params: dict[str, Any], reply: Reply) -> Usage:
        """About four letters a token; the system's text is cached by the first who sends it."""
        static = "".join(block["text"] for block in params["system"])
        known = static in self._cached
        self._cached.add(static)
        tokens = len(static) // 4
        return Usage(
            input=len(json.dumps(params["messages"])) // 4,
            output=len(reply.text) // 4 + 1,
            cache_write=0 if known else tokens,
            cache_read=tokens if known else 0,
        )

    def _result(self, request: dict[str, Any]) -> dict[str, Any]:
        custom_id, params = request["custom_id"], request["params"]
        fate = self.fate(_question(params))
        result = fate or {"type": "succeeded", "message": self.message(params, custom_id)}
        return {"custom_id": custom_id, "result": result}


EXPIRED = {"type": "expired"}
CANCELED = {"type": "canceled"}


def errored(kind: str) -> dict[str, Any]:
    """A batch's question that met an error."""
    told = {"type": "error", "error": {"type": kind, "message": "it did not work"}, "request_id": "req_1"}
    return {"type": "errored", "error": told}


def _question(params: Mapping[str, Any]) -> str:
    return str(params["messages"][0]["content"])


@contextmanager
def serving() -> Iterator[FakeClaude]:
    """The server, on a port of its own, until the block ends."""
    fake = FakeClaude()

    class Handler(_Handler):
        claude = fake

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        fake._closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    claude: FakeClaude
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _serve(self, body: dict[str, Any]) -> None:
        path = urlsplit(self.path).path
        fake = self.claude
        fake.seen.append((path, body))
        fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        trouble = fake.troubles.popleft() if fake.troubles else None
        if trouble is None:
            self._say(200, *self._answer(path, body))
            return
        if trouble.after:
            self._answer(path, body)
        match trouble.kind:
            case "hang":
                fake._closing.wait(5)
                self.close_connection = True
            case "drop":
                self.close_connection = True
            case _:
                self._say(trouble.status, trouble.body, "application/json", trouble.headers)

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[bytes, str]:
        fake = self.claude
        match path.removeprefix("/v1/messages").strip("/").split("/"):
            case [""]:
                answered: Any = fake.message(body)
            case ["batches"] if self.command == "POST":
                answered = self._told(self._make(body["requests"]))
            case ["batches"]:
                answered = self._page(parse_qs(urlsplit(self.path).query))
            case ["batches", identity]:
                answered = self._told(next(batch for batch in fake.batches if batch.id == identity))
            case ["batches", identity, "results"]:
                return self._results(
                    next(batch for batch in fake.batches if batch.id == identity)
                ), "application/x-jsonl"
            case unknown:
                raise AssertionError(f"nobody speaks {unknown} here")
        return json.dumps(answered).encode(), "application/json"

    def _make(self, requests: list[dict[str, Any]]) -> Batch:
        fake = self.claude
        with fake._lock:
            fake.now += timedelta(microseconds=1)
            batch = Batch(f"msgbatch_{uuid4().hex}", fake.now, requests)
            fake.batches.append(batch)
        if fake.at_once:
            fake.finish()
        return batch

    def _told(self, batch: Batch) -> dict[str, Any]:
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for result in batch.results or ():
            counts[result["result"]["type"]] += 1
        if batch.results is None:
            counts["processing"] = len(batch.requests)
        ended = batch.results is not None
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": counts,
            "created_at": batch.created_at.isoformat(),
            "expires_at": (batch.created_at + timedelta(days=1)).isoformat(),
            "ended_at": batch.created_at.isoformat() if ended else None,
            "results_url": f"{self.claude.url}/v1/messages/batches/{batch.id}/results" if ended else None,
        }

    def _page(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        """Two batches a page, whatever was asked for, so that pages are turned in every test."""
        newest = list(reversed(self.claude.batches))
        if after := asked.get("after_id"):
            place = next(number for number, batch in enumerate(newest) if batch.id == after[0])
            newest = newest[place + 1 :]
        page = newest[:2]
        return {
            "data": [self._told(batch) for batch in page],
            "has_more": len(newest) > len(page),
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }

    def _results(self, batch: Batch) -> bytes:
        """Out of order, as Claude may give them."""
        lines = [json.dumps(result) for result in reversed(batch.results or [])]
        if self.claude.doubled:
            lines = [line for line in lines for _ in range(2)]
        return "\n".join(lines[: len(lines) - self.claude.lost_results]).encode()

    def _say(self, code: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("request-id", f"req_{len(self.claude.seen)}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
