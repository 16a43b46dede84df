"""A headless Chromium that is told what to do through its own protocol: open, run script, wait, take a picture."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

SECONDS = 90
"""Patience with a page on a busy machine."""


class Browser:
    """One page. script: JavaScript, evaluated in the page."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.calls = connection, 0

    def open(self, address: str, until: str) -> None:
        """Go to an address, and wait until its text holds these words."""
        self._call("Page.navigate", url=address)
        self.wait(f"document.body && document.body.innerText.includes({json.dumps(until)})")

    def script(self, text: str) -> Any:
        """The value of an expression; raises RuntimeError with the page's own error."""
        done = self._call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"]["description"])
        return done["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true; raises TimeoutError."""
        limit = time.monotonic() + SECONDS
        while not self.script(condition):
            if time.monotonic() > limit:
                raise TimeoutError(f"this did not come true within {SECONDS} s: {condition}")
            time.sleep(0.2)

    def picture(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))
        return path

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        self.connection.send(json.dumps({"id": self.calls, "method": method, "params": parameters}))
        while True:  # events come in between
            answer = json.loads(self.connection.recv(timeout=SECONDS))
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])


@contextmanager
def opened(program: str, flags: tuple[str, ...], width: int, height: int) -> Iterator[Browser]:
    """A browser with one empty page, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="learnback-look-", ignore_cleanup_errors=True) as profile:
        command = [
            program, *flags, f"--user-data-dir={profile}", f"--window-size={width},{height}",
            "--remote-debugging-port=0", "about:blank",
        ]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            with connect(_address(process), max_size=None, open_timeout=SECONDS) as connection:
                yield Browser(connection)
        finally:
            process.terminate()
            process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Of the page's own connection."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"ws://(\S+?)/devtools", line):
            break
    else:
        raise RuntimeError("Chromium ended before it listened")
    with urllib.request.urlopen(f"http://{found[1]}/json") as answer:
        pages = [target for target in json.load(answer) if target["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
