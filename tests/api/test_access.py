"""Who may do what: tokens, roles, tenants. Nothing of one tenant reaches a bearer of another's token."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest

from api import runs, service
from contracts.errors import ServerError
from store import tokens
from store.tokens import TokenRole
from tests.api.agency import Agency
from tests.engines.tables import table


@pytest.fixture(autouse=True)
def no_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is let through to Prefect ends in 503 here: it was allowed."""

    def refuse(*_: object, **__: object) -> None:
        raise ServerError("no Prefect server runs here", do="Start it with `learnback up`")

    monkeypatch.setattr(runs, "start_run", refuse)


@table("""
    situation                                  | bearer        | asks                                | status
    nobody reads                               |               | read Acme/who                       | 401
    nobody starts a run                        |               | learn {"tenants": ["Acme"]}         | 401
    a stranger reads                           | stranger      | read Acme/who                       | 401
    a reader reads their own                   | Acme reader   | read Acme/who                       | 200
    a reader reads all of their own            | Acme reader   | read acme                           | 200
    a reader reads another's                   | Acme reader   | read Beta/who                       | 403
    a reader reads all of another's            | Acme reader   | read Beta                           | 403
    a reader asks for somebody unknown         | Acme reader   | read Nobody/who                     | 403
    an admin of one tenant reads another's     | Acme admin    | read Beta/who                       | 403
    a reader of all reads anyone's             | all reader    | read Beta/when                      | 200
    a reader of all asks for somebody unknown  | all reader    | read Nobody/who                     | 404
    a reader of all asks for a type not there  | all reader    | read Acme/how                       | 404
    a reader of all asks where nothing is      | all reader    | read Bare                           | 404
    a reader asks for a type that is none      | all reader    | read Acme/whom                      | 422
    a reader starts learning                   | Acme reader   | learn {"tenants": ["Acme"]}         | 403
    a reader of all starts learning            | all reader    | learn {}                            | 403
    an operator starts learning                | Acme operator | learn {"tenants": ["Acme"]}         | 503
    an operator of one starts it for all       | Acme operator | learn {}                            | 403
    an operator of one starts it for another   | Acme operator | learn {"tenants": ["Beta"]}         | 403
    an operator of one adds another            | Acme operator | learn {"tenants": ["Acme", "Beta"]} | 403
    an operator of all starts it for all       | all operator  | learn {}                            | 503
    an operator of all names somebody unknown  | all operator  | learn {"tenants": ["Nobody"]}       | 404
    an operator of all looks into the future   | all operator  | learn {"as_of": "2999-01-01"}       | 422
    an operator of all misspells a field       | all operator  | learn {"tenant": "Acme"}            | 422
    an operator backfills                      | all operator  | backfill Acme                       | 403
    an admin backfills                         | Acme admin    | backfill Acme                       | 503
    an admin backfills another                 | Acme admin    | backfill Beta                       | 403
    an admin of all backfills                  | all admin     | backfill Beta                       | 503
    an admin of all backfills somebody unknown | all admin     | backfill Nobody                     | 404
""")
def test_what_a_token_opens(agency: Agency, row: dict[str, str]) -> None:
    verb, _, rest = row["asks"].partition(" ")
    method, path = {
        "read": ("GET", f"/patterns/{rest}"), "learn": ("POST", "/patterns/learn"),
        "backfill": ("POST", f"/patterns/backfill/{rest}"),
    }[verb]  # fmt: skip
    body = json.loads(rest) if verb == "learn" else None
    answer = agency.ask(method, path, row["bearer"], json=body)
    assert answer.status_code == int(row["status"]), answer.text
    if row["status"] != "200":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == int(row["status"])
        assert answer.json()["detail"].endswith((".", "?"))
    if not row["bearer"].startswith("all"):
        assert "Beta" not in answer.text


def test_ids_open_what_names_open(agency: Agency) -> None:
    own, other = agency.ids["Acme"], agency.ids["Beta"]
    assert agency.get(f"/patterns/{own}/who", "Acme reader").json()["tenant"] == "Acme"
    assert agency.get(f"/patterns/{other}/who", "Acme reader").status_code == 403
    assert agency.get(f"/patterns/{other}/who", "all reader").json()["tenant"] == "Beta"
    assert agency.get(f"/patterns/{str(own)[::-1]}/who", "all reader").status_code == 404


def test_another_tenant_and_none_at_all_are_refused_alike(agency: Agency) -> None:
    answers = [agency.get(f"/patterns/{name}/who", "Acme reader").json() for name in ("Beta", "Nobody")]
    assert answers[0]["detail"] == answers[1]["detail"]
    assert "Beta" not in answers[0]["detail"]


@table("""
    header                          | says
    Basic YWNtZTphY21l              | needs a token
    Bearer                          | needs a token
    Bearer nonsense                 | not one of ours
    Bearer learnback_               | not one of ours
    Bearer learnback_0123456789ab_x | not one of ours
    Bearer learnback_ü_ü            | not one of ours
""")
def test_what_is_no_token(agency: Agency, row: dict[str, str]) -> None:
    answer = agency.ask("GET", "/patterns/Acme/who", headers={"Authorization": row["header"].encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401
    assert row["says"] in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_public_half_with_another_secret_opens_nothing(agency: Agency) -> None:
    identity = agency.tokens["all reader"].split("_")[1]
    secret = agency.tokens["all admin"].split("_", 2)[2]
    assert agency.get("/patterns/Acme/who", f"learnback_{identity}_{secret}").status_code == 401


def test_an_expired_token_says_so(agency: Agency) -> None:
    text = agency.token(TokenRole.READER, "Acme", lifetime=timedelta(seconds=-1))
    answer = agency.get("/patterns/Acme/who", text)
    assert answer.status_code == 401
    assert "this token expired on " in answer.json()["detail"]


def test_a_token_that_expires_while_it_is_remembered_is_refused(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = agency.token(TokenRole.READER, "Acme", lifetime=timedelta(seconds=0.3))
    remembered = agency.app.state.service.tokens
    assert agency.get("/patterns/Acme/who", text).status_code == 200
    monkeypatch.setattr(remembered, "_clock", lambda: 0.0)  # not forgotten
    time.sleep(0.4)
    assert agency.get("/patterns/Acme/who", text).status_code == 401


def test_a_revoked_token_is_refused_once_it_is_forgotten(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    text = agency.token(TokenRole.READER, "Acme")
    assert agency.get("/patterns/Acme/who", text).status_code == 200
    tokens.revoke(agency.engine, text.split("_")[1], actor="test")
    remembered = agency.app.state.service.tokens
    later = remembered._clock() + service.REMEMBERED_SECONDS
    monkeypatch.setattr(remembered, "_clock", lambda: later)
    answer = agency.get("/patterns/Acme/who", text)
    assert answer.status_code == 401
    assert "this token was revoked on " in answer.json()["detail"]


def test_the_process_remembers_no_token(agency: Agency) -> None:
    agency.get("/patterns/Acme/who", "Acme reader")
    secret = agency.tokens["Acme reader"].split("_", 2)[2]
    remembered = agency.app.state.service.tokens
    assert remembered._values
    assert secret not in repr(remembered._values)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REMEMBERED_AT_MOST", 3)
    remembered: service.Remembered[int, str] = service.Remembered()
    for number in range(5):
        remembered.keep(number, "x")
    assert [number for number in range(5) if remembered.get(number)] == [2, 3, 4]
