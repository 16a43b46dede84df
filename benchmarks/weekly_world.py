"""A user's own CRM for the weekly benchmark: 200 Zipf tenants, 1M leads, 10M touches, score and content in JSONB.

The heap lies in time order, as outreach writes it. Conversions follow planted weights per tenant, so that WHO has
something to publish. Touches go out in working hours of the lead's own zone, from the forty texts that its tenant
uses, and log the decile of the lead's score, so that WHAT, WHEN and HOW have all of their work to do. Rows are made by
NumPy in pieces and enter PostgreSQL through ADBC.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from contracts.outcomes import CHANNELS, COMPONENTS, DEFAULT_WEIGHTS

BEGINS = datetime(2024, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000  # microseconds
SPAN = 200  # days over which leads are created
PIECE = 500_000  # rows per ingest: about 300 MB of JSON in memory
ZONES = {"America/New_York": -5, "America/Los_Angeles": -8, "Europe/London": 0, "Europe/Berlin": 1, "Asia/Kolkata": 5.5}
"""Zone → hours by which its winter is ahead of UTC."""
TEXTS = 40  # templates that a tenant writes with
JSONB = "\x01"  # ADBC writes strings into jsonb only behind this version byte

AS_OF = datetime(2024, 10, 1, tzinfo=UTC)
"""After every outcome of the world."""

SCHEMA = """
CREATE SCHEMA agency;
CREATE TABLE agency.accounts (id uuid NOT NULL, name text NOT NULL, shares boolean NOT NULL);
CREATE TABLE agency.people (
    id uuid NOT NULL, account_id uuid NOT NULL, created_at timestamptz NOT NULL, status text NOT NULL,
    converted_at timestamptz, score jsonb, title text, industry text, employees integer, country text,
    zone text);
CREATE TABLE agency.messages (
    id uuid NOT NULL, account_id uuid NOT NULL, person_id uuid NOT NULL, channel text NOT NULL,
    sent_at timestamptz NOT NULL, content jsonb);
"""

OURS = """
SET session_replication_role = replica;  -- rows come as they are: no trigger marks, stamps or checks them one by one
DROP INDEX learnback.activities_row_xid_idx, learnback.activities_tenant_id_lead_id_occurred_at_id_idx,
           learnback.activities_tenant_id_occurred_at_id_idx;
ALTER TABLE learnback.activities DROP CONSTRAINT activities_pkey;
INSERT INTO learnback.tenants (id, name, shares_priors) SELECT id, name, shares FROM agency.accounts;
INSERT INTO learnback.leads (tenant_id, id, created_at, status, converted_at, title, industry, employee_count, country,
                             time_zone, als_components, components_at)
SELECT account_id, id, created_at, status, converted_at, title, industry, employees, country, zone, score, created_at
FROM agency.people;
INSERT INTO learnback.activities (tenant_id, id, lead_id, channel, occurred_at, template_id, score_stratum,
                                  subject_type, cta, angle, pain_point)
SELECT account_id, id, person_id, channel, sent_at, content ->> 'template', (content ->> 'score_decile')::smallint,
       content ->> 'subject_type', content ->> 'cta', content ->> 'angle', content ->> 'pain_point'
FROM agency.messages;
"""
"""The same rows in Learnback's own typed columns. Extraction reads whole tables, so that no index is missed."""

Ids = np.ndarray[tuple[int, int], np.dtype[np.uint8]]


@dataclass(frozen=True)
class Size:
    """How large the world is. touches: at least one a lead. span: days over which leads are created."""

    tenants: int = 200
    leads: int = 1_000_000
    touches: int = 10_000_000
    span: int = SPAN

    @property
    def database(self) -> str:
        of = "" if self.tenants == Size.tenants else f"_of_{self.tenants}"
        days = "" if self.span == SPAN else f"_{self.span}d"
        return f"learnback_crm_{self.touches // 1000}k{of}{days}"


def build(address: str, size: Size, seed: int, tell: Callable[[str], None]) -> None:
    """Create the schema in an empty database and fill it; `tell` hears of progress."""
    rng = np.random.default_rng(seed)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(SCHEMA)
    tenants = _ids(rng, size.tenants)
    lead_ids = _ids(rng, size.leads)
    share = 1 / np.arange(1, size.tenants + 1)
    tenant_of = rng.choice(size.tenants, size.leads, p=share / share.sum())
    created = np.sort(rng.integers(0, size.span * DAY, size.leads)) + _micros(BEGINS)
    zone_of = rng.integers(0, len(ZONES), size.leads, dtype=np.int8)
    decile_of = np.empty(size.leads, np.int8)
    with adbc.connect(address) as connection:
        _ingest(connection, "accounts", _accounts(tenants))
        for begin in range(0, size.leads, PIECE):
            part = slice(begin, begin + PIECE)
            people, decile_of[part] = _people(
                rng, lead_ids[part], tenant_of[part], tenants, created[part], zone_of[part]
            )
            _ingest(connection, "people", people)
        lead_of, sent = _touches(rng, size, created, zone_of)
        texts = _texts(rng, size.tenants)
        for begin in range(0, size.touches, PIECE):
            part = slice(begin, begin + PIECE)
            leads = lead_of[part]
            of_lead = (lead_ids[leads], tenants[tenant_of[leads]], decile_of[leads], texts[tenant_of[leads]])
            _ingest(connection, "messages", _messages(rng, sent[part], *of_lead))
            tell(f"{min(begin + PIECE, size.touches):,} of {size.touches:,} touches")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) agency.people")
        connection.execute("VACUUM (ANALYZE) agency.messages")
        connection.execute("CHECKPOINT")


def _ids(rng: np.random.Generator, rows: int) -> Ids:
    """Random version-4 UUIDs as rows of 16 bytes."""
    ids = rng.integers(0, 256, (rows, 16), dtype=np.uint8)
    ids[:, 6] = (ids[:, 6] & 0x0F) | 0x40
    ids[:, 8] = (ids[:, 8] & 0x3F) | 0x80
    return ids


def _uuids(ids: Ids) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(ids.tobytes())]).cast(
        pa.binary()
    )


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _times(micros: np.ndarray, mask: np.ndarray | None = None) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=mask).cast(pa.timestamp("us", "UTC"))


def _drawn(rng: np.random.Generator, values: list[str], rows: int) -> pa.Array:
    return pa.array(values).take(pa.array(rng.integers(0, len(values), rows)))


def _accounts(tenants: Ids) -> pa.Table:
    names = [f"Account {number:03d}" for number in range(len(tenants))]
    return pa.table({"id": _uuids(tenants), "name": names, "shares": [True] * len(names)})


def _people(
    rng: np.random.Generator,
    ids: Ids,
    tenant_of: np.ndarray,
    tenants: Ids,
    created: np.ndarray,
    zone_of: np.ndarray,
) -> tuple[pa.Table, np.ndarray]:
    """The rows, and the decile of each lead's default score."""
    rows = len(ids)
    components = rng.random((rows, len(COMPONENTS))).round(2)
    tilt = np.random.default_rng(1).dirichlet(12 * np.array(DEFAULT_WEIGHTS), len(tenants))  # planted weights
    chance = 1 / (1 + np.exp(5.4 - 5 * (tilt[tenant_of] * components).sum(axis=1)))
    converted = rng.random(rows) < chance
    waited = rng.integers(3 * DAY, 25 * DAY, rows)
    status = pc.if_else(
        pa.array(converted), "converted", _drawn(rng, ["new", "contacted", "replied", "meeting", "lost"], rows)
    )
    columns = [pc.cast(pa.array(components[:, place]), pa.string()) for place in range(len(COMPONENTS))]
    pieces: list[pa.Array | str] = [JSONB + "{"]
    for name, column in zip(COMPONENTS, columns, strict=True):
        pieces += [f'{"" if name == COMPONENTS[0] else ", "}"{name}": ', column]
    score = components @ np.array(DEFAULT_WEIGHTS)
    deciles = np.searchsorted(np.quantile(score, np.arange(1, 10) / 10), score).astype(np.int8)
    people = pa.table(
        {
            "id": _uuids(ids),
            "account_id": _uuids(tenants[tenant_of]),
            "created_at": _times(created),
            "status": status,
            "converted_at": _times(created + waited, mask=~converted),
            "score": pc.binary_join_element_wise(*pieces, "}", ""),
            "title": _drawn(rng, ["VP Sales", "Head of IT", "Owner", "Manager", "Director Finance"], rows),
            "industry": _drawn(rng, [f"industry {number}" for number in range(25)], rows),
            "employees": pa.array(np.exp(rng.normal(4.5, 1.4, rows)).astype(np.int32) + 1),
            "country": _drawn(rng, ["AU", "NZ", "US", "GB", "SG", "CA", "DE", "FR", "IN", "JP"], rows),
            "zone": pa.array(list(ZONES)).take(pa.array(zone_of)),
        }
    )
    return people, deciles


def _touches(
    rng: np.random.Generator, size: Size, created: np.ndarray, zone_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which lead each touch reaches and when, in order of time: one each, the rest by chance, in working hours."""
    extra = rng.integers(0, size.leads, size.touches - size.leads, dtype=np.int32)
    lead_of = np.concatenate([np.arange(size.leads, dtype=np.int32), extra])
    day = created[lead_of] // DAY + rng.integers(2, 28, size.touches)  # two, for zones that are ahead of UTC
    weekend = ((day + 3) % 7 >= 5) & (rng.random(size.touches) < 0.75)  # day 0 was a Thursday
    local = rng.triangular(8.0, 11.0, 19.0, size.touches) - np.array(list(ZONES.values()))[zone_of[lead_of]]
    sent = (day + 2 * weekend) * DAY + (local * DAY / 24).astype(np.int64)
    order = np.argsort(sent)
    return lead_of[order], sent[order]


def _texts(rng: np.random.Generator, tenants: int) -> np.ndarray:
    """(tenants, TEXTS) the templates that each tenant writes with."""
    count = len(_templates())
    return np.array([rng.choice(count, TEXTS, replace=False) for _ in range(tenants)])


def _messages(
    rng: np.random.Generator, sent: np.ndarray, leads: Ids, account: Ids, decile: np.ndarray, texts: np.ndarray
) -> pa.Table:
    """texts: (rows, TEXTS) those to choose from."""
    rows = len(sent)
    text = texts[np.arange(rows), rng.integers(0, TEXTS, rows)]
    heads = pa.array(_templates()).take(pa.array(text))
    deciles = pc.cast(pa.array(decile), pa.string())
    return pa.table(
        {
            "id": _uuids(_ids(rng, rows)),
            "account_id": _uuids(account),
            "person_id": _uuids(leads),
            "channel": _drawn(rng, list(CHANNELS), rows),
            "sent_at": _times(sent),
            "content": pc.binary_join_element_wise(heads, ', "score_decile": ', deciles, "}", ""),
        }
    )


@cache
def _templates() -> list[str]:
    """2,000 contents of about 370 bytes each, as a CRM keeps them, still open at their end."""
    preview = (
        "Hi there, saw that your team is working on {pain} and wanted to share how two similar companies cut the "
        "effort in half last quarter."
    )
    subjects = ("question", "statement", "number", "name", "news")
    calls = ("book_call", "reply", "watch_demo", "download", "visit_site", "referral", "free_audit", "none")
    angles = (
        "roi",
        "pain",
        "social_proof",
        "curiosity",
        "news",
        "competitor",
        "case_study",
        "event",
        "compliment",
        "ask",
    )
    pains = ("hiring", "lead quality", "cost", "churn", "compliance")
    return [
        JSONB
        + json.dumps(
            {
                "subject": f"Quick {subject} for your {pain} this week",
                "subject_type": subject,
                "body_length": 80 + number,
                "cta": call,
                "angle": angle,
                "pain_point": pain,
                "body_preview": preview.format(pain=pain),
                "template": f"t{number:04d}",
                "personalised": number % 2 == 0,
                "model": "m-1",
            }
        ).removesuffix("}")
        for number, (subject, call, angle, pain) in enumerate(itertools.product(subjects, calls, angles, pains))
    ]


def _ingest(connection: adbc.Connection, table: str, rows: pa.Table) -> None:
    with connection.cursor() as cursor:
        cursor.adbc_ingest(table, rows, mode="append", db_schema_name="agency")
    connection.commit()
