"""What goes wrong is told in a sentence, with an id, and with nothing that is for the log alone."""

from __future__ import annotations

import logging
import re

import pytest
from psycopg import sql
from sqlalchemy import Engine, text

from api import patterns, problems
from api.app import LONGEST_BODY, create_app
from contracts.errors import LakeError
from settings import Settings
from store import database
from tests.api.agency import Agency
from tests.engines.tables import table
from tests.servers import Server

WHO = "/patterns/Acme/who"


@table(r"""
    asks                      | status | detail
    GET /nowhere              | 404    | there is nothing at this address; /docs lists what there is.
    DELETE /patterns/Acme/who | 405    | this address does not take that method; /docs lists which it takes.
    GET /patterns/Acme/whom   | 422    | type: Input should be 'who', 'what', 'when' or 'how'.
    GET /patterns/A%00me/who  | 422    | tenant: String should match pattern '^[^\x00]*$'.
    GET /patterns/Acne/who    | 404    | there is no tenant `Acne`. Did you mean `Acme` or `Bare`?
""")
def test_problems_are_sentences(agency: Agency, row: dict[str, str]) -> None:
    answer = agency.ask(*row["asks"].split(" "), "all reader")
    problem = answer.json()
    assert (answer.status_code, problem["detail"]) == (int(row["status"]), row["detail"])
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "JSON decode error"),
        (b'{"tenants": "Acme"}', "tenants: Input should be a valid list."),
        (b'{"tenants": [""]}', "tenants.0: String should have at least 1 character."),
        (b'{"learners": []}', "learners: List should have at least 1 item after validation, not 0."),
        (b'{"as_of": "yesterday"}', "as_of: Input should be a valid datetime"),
        (b'{"as_of": "9999-12-31T23:59:59-12:00"}', "as_of: Value error, this moment lies outside the calendar."),
        (b'{"tenants": ["\\ud800"]}', "unicode"),
        (b'{"secret \\ud800": 1}', "unicode"),
        (b"\xff\xfe{", "the body cannot be read as JSON in UTF-8."),
    ],
)
def test_bodies_that_do_not_fit(agency: Agency, body: bytes, says: str) -> None:
    answer = agency.ask("POST", "/patterns/learn", "all operator", {"Content-Type": "application/json"}, content=body)
    assert answer.status_code in {400, 422}
    assert says in answer.json()["detail"]
    assert "secret" not in answer.text


def test_a_body_without_end_is_not_read(agency: Agency) -> None:
    many = b"x" * (LONGEST_BODY + 1)
    assert agency.ask("POST", "/patterns/learn", content=many).status_code == 413


def test_a_fault_of_ours_leaves_without_a_traceback(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("postgresql://learnback:hunter2@db")

    monkeypatch.setattr(patterns.reading, "in_force", broken)
    answer = agency.get(WHO, "all reader", x_request_id="mine-1")
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine-1")
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert answer.json()["detail"] == "this is a fault of ours; the server's log has it under the request id."
    assert "hunter2" not in answer.text


def test_other_errors_of_users_are_told_too(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LakeError("the lake is full", do="Make room")

    monkeypatch.setattr(patterns.reading, "in_force", full)
    answer = agency.get(WHO, "all reader")
    assert (answer.status_code, answer.json()["detail"]) == (409, "the lake is full. Make room.")


@pytest.fixture
def away(settings: Settings) -> Agency:
    """An API whose database has gone."""
    gone = database.pool("postgresql://learnback:hunter2@db.example.invalid:5432/x?connect_timeout=1")
    return Agency(create_app(settings, gone), settings, gone)


def test_without_a_database_the_process_lives_and_is_not_ready(away: Agency, caplog: pytest.LogCaptureFixture) -> None:
    assert away.get("/healthz").json() == {"status": "ok"}
    ready = away.get("/readyz")
    assert (ready.status_code, ready.json()["detail"]) == (
        503, "The database does not answer; the server's log says more.",
    )  # fmt: skip
    read = away.get(WHO, "learnback_0123456789ab_x")
    assert (read.status_code, read.headers["retry-after"]) == (503, "5")
    for answer in (ready, read):
        assert not re.search("hunter2|db.example", answer.text)
    assert "names a host that does not exist" in caplog.text
    assert "hunter2" not in caplog.text


def test_with_a_database_it_is_ready(agency: Agency) -> None:
    assert agency.get("/readyz").json() == {"status": "ready"}


def test_an_older_database_says_which_command_to_run(server: Server, settings: Settings) -> None:
    older = server.migrated_settings()
    engine = database.open_store(older)
    server.run(sql.SQL("UPDATE learnback.alembic_version SET version_num = 'older'"), older.home.name)
    answer = Agency(create_app(settings, engine), settings, engine).get("/readyz")
    engine.dispose()
    assert answer.status_code == 503
    assert re.fullmatch(
        r"The database is at migration older, and \w+ is needed: run `learnback migrate`\.", answer.json()["detail"]
    )


def test_a_connection_that_broke_is_replaced(agency: Agency, engine: Engine) -> None:
    assert agency.get(WHO, "all reader").status_code == 200
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
    assert agency.get(WHO, "all reader").status_code == 200


@pytest.mark.parametrize(("given", "kept"), [("mine-1", True), ("a b", False), ("x" * 65, False), ("a\tb", False)])
def test_a_request_id_is_kept_where_it_is_one(agency: Agency, given: str, kept: bool) -> None:
    answer = agency.get("/healthz", x_request_id=given)
    assert (answer.headers["x-request-id"] == given) is kept
    assert re.fullmatch(r"[\w.-]{1,64}", answer.headers["x-request-id"])


def test_the_log_has_a_line_a_request_and_no_token(agency: Agency, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "learnback.api")
    token = agency.tokens["all reader"]
    identity, secret = token.split("_", 2)[1:]
    agency.ask("GET", f"/patterns/Ac%0ame/who?token={token}", "all reader", {"X-Request-Id": "one"})
    agency.ask("GET", "/nowhere", token, {"X-Request-Id": "two"})
    first, second = [record.getMessage() for record in caplog.records if record.name == "learnback.api.access"]
    assert re.fullmatch(rf"GET /patterns/Ac%0ame/who 404 \d+\.\d ms token={identity} request=one", first)
    assert re.fullmatch(r"GET /nowhere 404 \d+\.\d ms token=- request=two", second)
    assert secret not in caplog.text
