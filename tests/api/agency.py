"""Two tenants with patterns in force, and a way to ask as whoever holds a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.app import create_app
from contracts.learning import Evidence, Finding, Ruling, Verdict
from settings import Settings
from store import book, tenants, tokens
from store.book import Publication
from store.tokens import TokenRole

NOW = datetime.now(UTC)
DAY = timedelta(days=1)

OWNERS = ("Acme", "Beta", "Bare")
"""Bare is a tenant for which nothing was ever published."""


@dataclass
class Agency:
    """The application on a store with three tenants, and a token for every role and reach."""

    app: FastAPI
    settings: Settings
    engine: Engine
    ids: dict[str, UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, bearer: str | None = None, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> httpx2.Response:
        """One request, as the bearer of a token; what fails inside is seen as a client would see it."""
        sent = dict(headers or {})
        if bearer:
            sent["Authorization"] = f"Bearer {self.tokens.get(bearer, bearer)}"
        return TestClient(self.app, raise_server_exceptions=False).request(method, path, headers=sent, **kwargs)

    def get(self, path: str, bearer: str | None = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("GET", path, bearer, named)

    def publish(
        self, tenant: str, pattern_type: str, payload: Mapping[str, Any], *, valid: timedelta = 28 * DAY
    ) -> int:
        """Put a payload in force; the version that it became."""
        finding = Finding(payload, Evidence(9_240, 412), inputs_sha256=str(payload))
        verdict = Verdict(Ruling.PUBLISH, confidence=0.93)
        publication = Publication(self.ids[tenant], pattern_type, finding, verdict, NOW + valid, "tested")
        published = book.publish(self.engine, [publication], run_id=uuid4(), as_of=NOW, actor="test")
        return published[self.ids[tenant]]

    def add(self, name: str) -> str:
        """A tenant more, which tokens for all tenants open; its name."""
        self.ids[name] = tenants.create(self.engine, name).id
        return name

    def token(self, role: TokenRole, tenant: str | None, lifetime: timedelta = DAY) -> str:
        opened = tenants.resolve(self.engine, tenant) if tenant else None
        return tokens.create(self.engine, role=role, tenant=opened, lifetime=lifetime, purpose="tests", actor="test")[0]


def build(settings: Settings, engine: Engine) -> Agency:
    """Acme and Beta with WHO and WHEN, Bare with nothing; tokens are named `Acme reader`, `all admin` and so on."""
    agency = Agency(create_app(settings, engine), settings, engine)
    for name in OWNERS:
        agency.add(name)
    for role in TokenRole:
        agency.tokens[f"Acme {role}"] = agency.token(role, "Acme")
        agency.tokens[f"all {role}"] = agency.token(role, None)
    for name in ("Acme", "Beta"):
        agency.publish(name, "who", {"schema": 1, "owner": name})
        agency.publish(name, "when", {"schema": 1, "hours": None, "owner": name})
    return agency
