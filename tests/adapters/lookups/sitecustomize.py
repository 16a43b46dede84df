"""Python imports this file first where its folder is on the path: writes down which host names a process asks for."""

import os
import socket

_real = socket.getaddrinfo
_file = os.environ.get("LOOKUPS_FILE")


def _watched(host, *arguments, **options):  # type: ignore[no-untyped-def]
    name = host.decode() if isinstance(host, bytes) else str(host)
    if _file and name not in {"127.0.0.1", "None"}:
        with open(_file, "a") as lines:
            lines.write(name + "\n")
    return _real(host, *arguments, **options)


socket.getaddrinfo = _watched
