"""`learnback serve`: patterns over HTTP."""

from __future__ import annotations

import gc
import logging
import socket
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from settings import Settings

BACKLOG = 1024  # connections that the system holds while the server is busy
PATIENCE_SECONDS = 5  # from Ctrl-C to the end of requests that are being answered


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Unset: LEARNBACK_API_HOST, this machine only.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. Unset: LEARNBACK_API_PORT.")
    ] = None,
) -> None:
    """Serve patterns over HTTP until Ctrl-C: what is in force for a tenant, and runs to start.

    `GET /patterns/TENANT/who` answers with a pattern, its version and its evidence. It takes a token: make one with
    `learnback tokens create`. The page /docs lists every address with an example.

    Runs are started through the Prefect server of `learnback up`. Reading patterns needs no such server.
    """
    import settings

    loaded = settings.load()
    _serve(loaded, host or loaded.api_host, loaded.api_port if port is None else port)


def _serve(loaded: Settings, host: str, port: int) -> None:
    import uvicorn

    from api.app import create_app
    from cli.opening import open_store
    from cli.terminal import progress

    with _listen(host, port) as listening:
        with progress("Opening the store …"):
            app = create_app(loaded, open_store(loaded))
        gc.freeze()  # what is loaded stays: walking through it again would hold up a request for tens of milliseconds
        _log_to_stderr()
        _tell(host, listening.getsockname()[1])
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=PATIENCE_SECONDS
        )
        uvicorn.Server(config).run(sockets=[listening])


def _tell(host: str, port: int) -> None:
    from cli.terminal import errors

    address = f"http://{_named(host)}:{port}"
    errors.print(f"Patterns are served at {address} until Ctrl-C.", soft_wrap=True)
    errors.print(f"  Every address, with examples: {address}/docs", soft_wrap=True)
    errors.print('  A token to read with: learnback tokens create --tenant "NAME"')
    if not _stays_here(host):
        errors.print(
            "  Tokens travel readable in plain HTTP: put a proxy with TLS before this address.", style="yellow"
        )


def _listen(host: str, port: int) -> socket.socket:
    """A socket of our own, so that an address that cannot be had is told in a sentence, before anything starts."""
    from contracts.errors import UserError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        said = str(error.strerror or error).partition(" (while attempting")[0]
        raise UserError(
            f"nothing can listen on {host}, port {port} ({said})",
            do="Choose another with --host and --port, or with LEARNBACK_API_HOST and LEARNBACK_API_PORT",
        ) from None
    # Connections inherit it. asyncio sets it on sockets that name their protocol only, and without it every second
    # part of an answer waits 40 ms for the acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _log_to_stderr() -> None:
    """A line a request, and what goes wrong; never a header, so never a token."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("learnback.api").setLevel(logging.INFO)


def _named(host: str) -> str:
    """A host as an address has it: brackets around IPv6, this machine where every interface listens."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _stays_here(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
