"""One agency a test module."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from settings import Settings
from tests.api.agency import Agency, build


@pytest.fixture(scope="module")
def agency(settings: Settings, engine: Engine) -> Agency:
    return build(settings, engine)
