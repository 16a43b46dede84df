"""A failed task says what a person must mend in one sentence; a bug keeps its traceback."""

from __future__ import annotations

import logging
import pickle

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter
from prefect.logging.handlers import APILogWorker

from contracts.errors import LakeError, UserError
from tasks.user_errors import LOGGERS, in_a_sentence, tell_in_sentences

MENDED = LakeError("the lake is full", wanted="10 GiB are needed", do="Make room")
SENTENCE = "the lake is full, and 10 GiB are needed. Make room."


@pytest.fixture(autouse=True)
def _installed() -> None:
    tell_in_sentences()


def failing(error: Exception) -> str:
    """All that Prefect's server knows of the log of a flow whose task raises this."""

    @task(name="failing")
    def raising() -> None:
        raise error

    @flow(name="test-user-errors")
    def trying() -> None:
        raising.submit().result()

    run = trying(return_state=True)
    APILogWorker.drain_all(timeout=10)
    with get_client(sync_client=True) as client:
        wanted = LogFilter.model_validate({"flow_run_id": {"any_": [run.state_details.flow_run_id]}})
        return "\n".join(entry.message for entry in client.read_logs(wanted))


@pytest.mark.usefixtures("prefect_server")
def test_what_a_person_must_mend_is_told_without_a_traceback() -> None:
    said = failing(MENDED)
    assert SENTENCE in said.splitlines()
    assert "Traceback" not in said


@pytest.mark.usefixtures("prefect_server")
def test_a_bug_keeps_its_traceback() -> None:
    said = failing(ZeroDivisionError("a bug"))
    assert "Traceback (most recent call last)" in said
    assert "ZeroDivisionError: a bug" in said


def test_an_error_that_hides_behind_a_bug_keeps_it_too() -> None:
    """A bug while telling of a user error is a bug."""
    try:
        try:
            raise MENDED
        except UserError:
            raise KeyError("bug") from None
    except KeyError as error:
        record = logging.LogRecord("x", 40, "f", 1, "failed", (), (KeyError, error, error.__traceback__))
    assert in_a_sentence(record)
    assert record.exc_info


def test_installing_twice_is_installing_once() -> None:
    tell_in_sentences()
    assert [logging.getLogger(name).filters.count(in_a_sentence) for name in LOGGERS] == [1] * len(LOGGERS)


def test_a_user_error_travels_whole_between_processes() -> None:
    found = pickle.loads(pickle.dumps(MENDED))
    assert (type(found), str(found), found.do) == (LakeError, SENTENCE, "Make room")
