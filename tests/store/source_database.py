"""Databases for the tests of extraction: ours, and a user's own CRM with its content in JSONB.

One embedded server for all of them, started when the first test asks, stopped when the process ends.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from settings import Settings
from store import embedded, lake
from store.lake import Manifest


@cache
def server() -> Settings:
    """Settings whose embedded server runs."""
    home = Path(tempfile.mkdtemp(prefix="learnback-"))
    home.chmod(0o755)  # as root the server runs as another user, who must be able to walk there
    settings = Settings(home=home)
    embedded.start(settings)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    atexit.register(embedded.stop, settings)
    return settings


def new_database() -> str:
    """URL of an empty database, as a user who owns it and is no superuser."""
    admin = embedded.superuser_url(server())
    name = f"t{uuid4().hex}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER learnback").format(sql.Identifier(name)))
    return admin.replace("postgres@", "learnback@", 1).replace("/learnback?", f"/{name}?", 1)


def superuser(url: str) -> str:
    return url.replace("learnback@", "postgres@", 1)


CRM = """
CREATE SCHEMA crm;
CREATE TABLE crm.accounts (id bigint, name text);
CREATE TABLE crm.people (id bigint, account bigint, made timestamptz, won timestamptz, stage text, score jsonb);
CREATE TABLE crm.mails (id bigint, account bigint, person bigint, at timestamptz, body jsonb);
INSERT INTO crm.accounts SELECT n, 'Account ' || n FROM generate_series(1, 5) n;
INSERT INTO crm.people
    SELECT n, 1 + n % 5, '2026-01-01Z'::timestamptz + n * interval '1 hour',
           CASE WHEN n % 10 = 0 THEN '2026-01-01Z'::timestamptz + (n + 240) * interval '1 hour' END,
           CASE WHEN n % 10 = 0 THEN 'converted' ELSE 'contacted' END,
           jsonb_build_object('authority', (n % 100) / 100.0, 'risk', 0.5)
    FROM generate_series(1, 1000) n;
INSERT INTO crm.mails
    SELECT n, 1 + (1 + n % 1000) % 5, 1 + n % 1000, '2026-03-01Z'::timestamptz + n * interval '1 minute',
           jsonb_build_object('cta', 'cta ' || n % 7, 'subject', repeat('x', 300))
    FROM generate_series(1, 5000) n;
CREATE VIEW crm.mail_view AS SELECT * FROM crm.mails;
"""
"""1,000 people of 5 accounts, 5,000 mails; ids are numbers, which become uuids in the queries."""

TENANTS = """
SELECT md5(id::text)::uuid AS tenant_id, name, 30 AS horizon_days, true AS shares_priors FROM crm.accounts
"""
LEADS = """
-- split: crm.people as p
SELECT md5(p.account::text)::uuid AS tenant_id, md5('p' || p.id)::uuid AS lead_id, p.made AS created_at,
       CASE WHEN p.won > :as_of AND p.won <= :now THEN 'contacted' ELSE p.stage END AS status,
       CASE WHEN p.won > :as_of AND p.won <= :now THEN NULL ELSE p.won END AS converted_at,
       (p.score ->> 'authority')::numeric AS authority, (p.score ->> 'risk')::real AS risk,
       7::smallint AS employee_count
FROM crm.people AS p WHERE (p.made > :as_of AND p.made <= :now) IS NOT TRUE AND :split;
"""
TOUCHES = """
-- split: crm.mails as m
SELECT md5(m.account::text)::uuid AS tenant_id, md5('m' || m.id)::uuid AS touch_id,
       md5('p' || m.person)::uuid AS lead_id, 'email' AS channel, m.at AS occurred_at, m.body ->> 'cta' AS cta
FROM crm.mails AS m WHERE (m.at > :as_of AND m.at <= :now) IS NOT TRUE AND :split
"""


def crm(folder: Path, **replaced: str) -> Settings:
    """Settings on a fresh CRM, with overriding extracts in folder/extracts; `replaced` gives other texts by extract."""
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CRM)
    return with_extracts(Settings(home=folder / "home", source_url=url, groups=4), folder / "extracts", **replaced)


def with_extracts(settings: Settings, folder: Path, **replaced: str) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"tenants": TENANTS, "leads": LEADS, "touches": TOUCHES, **replaced}.items():
        (folder / f"{name}.sql").write_text(text)
    return settings.model_copy(update={"extracts": folder})


def rows(manifest: Manifest, extract: str) -> list[tuple[object, ...]]:
    """All rows, in an order that their content alone decides."""
    return sorted(lake.scan(manifest, extract).collect().rows(), key=str)


def tenant(number: int, url: str) -> UUID:
    """The id that the queries give an account."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT md5(%s::text)::uuid", [number]).fetchone()
    assert row is not None
    return UUID(str(row[0]))
