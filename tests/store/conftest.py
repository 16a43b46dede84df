"""The store's tests run twice: on the embedded PostgreSQL, and on the operating system's where it has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Server, system_programs, system_server


@pytest.fixture(scope="session")
def system_postgres() -> Iterator[Server]:
    programs = system_programs()
    if programs is None:
        pytest.skip("this machine has no PostgreSQL of its own (no initdb)")
    with system_server(programs) as server:
        yield server


@pytest.fixture(scope="session", params=["embedded", "system"])
def server(request: pytest.FixtureRequest) -> Server:
    """The server that `settings` and `engine` use in these tests."""
    found = request.getfixturevalue(f"{request.param}_postgres")
    assert isinstance(found, Server)
    return found
