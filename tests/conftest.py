"""Fixtures for all tests: one embedded PostgreSQL a session, one fresh migrated database a test module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
from sqlalchemy import Engine

from settings import Settings
from store import database
from tests.servers import Server, embedded_server

pytest_plugins = ["tests.fixtures_prefect"]

hypothesis.settings.register_profile("patient", deadline=None)  # a timing is no assertion
hypothesis.settings.load_profile("patient")

os.environ.pop("COLUMNS", None)  # parallel test processes are given 80, and tables would fold


@pytest.fixture(scope="session")
def embedded_postgres() -> Iterator[Server]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="session")
def server(embedded_postgres: Server) -> Server:
    """The server that `settings` and `engine` use."""
    return embedded_postgres


@pytest.fixture(scope="module")
def settings(server: Server) -> Settings:
    """Settings with a temporary home and a fresh migrated database, one a module."""
    return server.migrated_settings()


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    """The store of `settings`."""
    opened = database.open_store(settings)
    yield opened
    opened.dispose()
