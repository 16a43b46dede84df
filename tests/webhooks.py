"""A webhook on this machine, for tests: it keeps what is posted, and fails as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Inbox:
    """bodies: what was taken. answers: status codes of the coming posts, 200 once they are used up; 0 never answers."""

    address: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    posts: int = 0


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            box.posts += 1
            status = box.answers.pop(0) if box.answers else 200
            if status == 0:
                time.sleep(1.0)
                return
            if status == 200:
                box.bodies.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    box.address = f"http://127.0.0.1:{server.server_port}/secret-path"
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
