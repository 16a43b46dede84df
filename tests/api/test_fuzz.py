"""Whatever is sent, the API answers as it says that it does, and never with a fault of its own.

Prefect is stood in for: a run that a fuzzer starts would be worked on. The store is the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig

from adapters.prefect_runs import Started
from api import runs
from tests.api.agency import Agency

EXAMPLES = 20  # of each operation, bearer and kind; some thousand requests in all

LOCKED = (
    ("GET", "/patterns/{tenant}"), ("GET", "/patterns/{tenant}/{type}"), ("POST", "/patterns/learn"),
    ("POST", "/patterns/backfill/{tenant}"),
)  # fmt: skip
OPEN = (("GET", "/healthz"), ("GET", "/readyz"))

BEARERS = ("", "Acme reader", "Acme operator", "all admin")

FUZZING = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)


@pytest.fixture(scope="module")
def described(agency: Agency) -> Iterator[Any]:
    """The description as the fuzzer reads it."""

    def start(_: object, __: str, parameters: dict[str, Any], *, key: str | None = None) -> Started:
        return Started(str(uuid4()), "brisk-heron", "http://127.0.0.1:4200/runs/flow-run/x", parameters, key is None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "start_run", start)
        yield schemathesis.openapi.from_asgi("/openapi.json", agency.app, config=SchemathesisConfig())


def test_the_fuzzer_knows_every_operation(described: Any) -> None:
    found = {(one.ok().method.upper(), one.ok().path) for one in described.get_all_operations()}
    assert found == {*LOCKED, *OPEN}


@pytest.mark.parametrize("bearer", BEARERS)
@pytest.mark.parametrize(("method", "path"), LOCKED)
@pytest.mark.parametrize("sent", ["valid", "valid and there", "invalid"])
def test_whatever_is_sent_the_answer_is_one_that_is_described(
    agency: Agency, described: Any, sent: str, method: str, path: str, bearer: str
) -> None:
    mode = GenerationMode.NEGATIVE if sent == "invalid" else GenerationMode.POSITIVE
    cases = described[path][method].as_strategy(generation_mode=mode)
    send(cases.map(_there) if sent == "valid and there" else cases, agency.tokens.get(bearer, bearer))


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_what_is_open_takes_any_bearer(described: Any, method: str, path: str) -> None:
    send(described[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE), "stranger")


def send(cases: SearchStrategy[Case], token: str) -> None:
    """Some examples of an operation, each held to its description."""

    @seed(7)
    @FUZZING
    @given(case=cases)
    def answers(case: Case) -> None:
        if isinstance(case.body, dict) and str(case.body.get("as_of"))[:1].isdigit():
            case.body["as_of"] = "2026-03-01T02:00:00Z"  # no description can say 'not in the future'
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"} if token else {})

    answers()


def _there(case: Case) -> Case:
    """The same about a tenant that exists: nearly everything else would end in 404."""
    if "tenant" in case.path_parameters:
        case.path_parameters["tenant"] = "Acme"
    if isinstance(case.body, dict) and case.body.get("tenants"):
        case.body["tenants"] = ["Acme"]
    return case
