"""Tokens in the store: hashed, unreadable to the app, in the audit log of everyone whom they open."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from contracts.errors import UserError
from store import audit, tenants, tokens
from store.scope import Role, learner_scope, tenant_scope
from store.tenants import Tenant
from store.tokens import TokenRole

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def pair(engine: Engine) -> tuple[Tenant, Tenant]:
    return tenants.create(engine, "Acme"), tenants.create(engine, "Beta")


def make(engine: Engine, tenant: Tenant | None, role: TokenRole = TokenRole.READER) -> tuple[str, tokens.Token]:
    return tokens.create(engine, role=role, tenant=tenant, lifetime=WEEK, purpose="the site", actor="jo")


def test_the_store_holds_a_hash_and_nothing_to_make_it_from(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    shown, made = make(engine, pair[0])
    prefix, identity, secret = shown.split("_", 2)
    assert (prefix, identity, len(secret)) == ("learnback", made.id, 43), "256 bits as base64"
    with learner_scope(engine) as connection:
        (row,) = connection.execute(text("SELECT * FROM api_tokens WHERE id = :id"), {"id": made.id}).mappings()
    assert row["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(dict(row) | {"secret_sha256": ""})
    assert shown not in repr(tokens.all_tokens(engine)) + repr(audit.entries(engine, pair[0].id))


def test_a_token_is_recognised_by_all_of_it(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    shown, made = make(engine, pair[0], TokenRole.OPERATOR)
    assert tokens.recognise(engine, shown) == made
    assert (made.tenant, made.tenant_id, made.role, made.opens) == ("Acme", pair[0].id, TokenRole.OPERATOR, "Acme")
    assert abs(made.expires_at - datetime.now(UTC) - WEEK) < timedelta(minutes=1)
    for other in (shown[:-1], shown + "x", shown.upper(), shown.replace("learnback", "other"), "", "_", "learnback__"):
        assert tokens.recognise(engine, other) is None


def test_no_two_tokens_are_alike(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    assert len({make(engine, pair[0])[0] for _ in range(10)}) == 10


def test_each_role_includes_those_before_it() -> None:
    reader, operator, admin = TokenRole
    assert [role.includes(operator) for role in (reader, operator, admin)] == [False, True, True]
    assert all(admin.includes(role) for role in TokenRole)


def test_a_token_for_one_tenant_stands_in_its_log_only(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    before = len(audit.entries(engine, pair[1].id))
    _, made = make(engine, pair[0])
    tokens.revoke(engine, made.id, actor="kim")
    revoked, created = audit.entries(engine, pair[0].id)[:2]
    assert (created.actor, created.action) == ("jo", "create_token")
    assert created.detail == {"token": made.id, "role": "reader", "opens": "Acme", "purpose": "the site"}
    assert (revoked.actor, revoked.action, revoked.detail) == ("kim", "revoke_token", {"token": made.id})
    assert len(audit.entries(engine, pair[1].id)) == before


def test_a_token_for_all_stands_in_everyones_log(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    _, made = make(engine, None, TokenRole.ADMIN)
    tokens.revoke(engine, made.id, actor="kim")
    for tenant in pair:
        actions = [entry.action for entry in audit.entries(engine, tenant.id) if entry.detail["token"] == made.id]
        assert actions == ["revoke_token", "create_token"]


def test_revoking_is_remembered_and_done_once(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    shown, made = make(engine, pair[0])
    taken = tokens.revoke(engine, made.id, actor="kim")
    assert (taken.revoked_by, taken.revoked_at is not None) == ("kim", True)
    assert tokens.recognise(engine, shown) == taken
    for identity in (made.id, "nobody"):
        with pytest.raises(UserError, match=f"no token {identity} is in force"):
            tokens.revoke(engine, identity, actor="kim")


def test_the_newest_token_is_listed_first(engine: Engine, pair: tuple[Tenant, Tenant]) -> None:
    made = [make(engine, pair[0])[1] for _ in range(3)]
    assert tokens.all_tokens(engine)[:3] == made[::-1]


@pytest.mark.parametrize(
    "statement", ["SELECT id FROM api_tokens", "UPDATE api_tokens SET role = 'admin'", "DELETE FROM api_tokens"]
)
def test_the_role_of_requests_has_no_right_to_tokens(
    engine: Engine, pair: tuple[Tenant, Tenant], statement: str
) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), tenant_scope(engine, pair[0].id) as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "change", ["SET role = 'admin'", "SET secret_sha256 = ''", "SET only_tenant = NULL", "SET expires_at = now()"]
)
def test_of_a_token_nothing_changes_but_that_it_is_revoked(
    engine: Engine, pair: tuple[Tenant, Tenant], change: str
) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_scope(engine, pair[0].id, Role.LEARNER) as connection,
    ):
        connection.execute(text(f"UPDATE api_tokens {change}"))
