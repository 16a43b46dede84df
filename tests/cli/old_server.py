"""A server that says it is PostgreSQL 12.4: it speaks the start of the protocol and nothing after it."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
PARAMETERS = {"server_version": "12.4", "server_encoding": "UTF8", "client_encoding": "UTF8"}


class _Startup(socketserver.StreamRequestHandler):
    """Refuses encryption, admits everybody, tells its version, and waits until the client leaves."""

    def handle(self) -> None:
        while (code := self._packet()) in (SSL_REQUEST, GSS_REQUEST):
            self.wfile.write(b"N")
        if code is None:
            return
        self._send(b"R", struct.pack("!i", 0))
        for name, value in PARAMETERS.items():
            self._send(b"S", f"{name}\0{value}\0".encode())
        self._send(b"Z", b"I")
        self.rfile.read()

    def _packet(self) -> int | None:
        head = self.rfile.read(8)
        if len(head) < 8:
            return None
        length, code = struct.unpack("!ii", head)
        self.rfile.read(length - 8)
        return int(code)

    def _send(self, kind: bytes, body: bytes) -> None:
        self.wfile.write(kind + struct.pack("!i", len(body) + 4) + body)


@contextmanager
def old_server() -> Iterator[str]:
    """Its address."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Startup) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"postgresql://somebody@127.0.0.1:{server.server_address[1]}/db"
        server.shutdown()
