"""Where tasks run, and what travels there: records and names of functions, and no secret."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import SecretStr

from contracts.errors import ServerError, SettingsError
from settings import Settings, load
from tasks.run import code_version
from tasks.runner import SliceRunner, perform

SECRET = "postgresql://learnback:hunter2@db.example.com/learnback"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env and no address from around the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("LEARNBACK_DATABASE_URL", "LEARNBACK_SOURCE_URL", "LEARNBACK_RUNNER"):
        monkeypatch.delenv(name, raising=False)


def secret(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def test_settings_leave_their_secrets_behind_and_find_those_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    here = load(database_url=SECRET, smtp_url="smtp://name:hunter2@mail.example.com", groups=5)
    packed = pickle.dumps(here)
    assert b"hunter2" not in packed
    with pytest.raises(SettingsError, match="LEARNBACK_DATABASE_URL is not set on a worker"):
        pickle.loads(packed)
    monkeypatch.setenv("LEARNBACK_DATABASE_URL", SECRET.replace("hunter2", "its-own"))
    monkeypatch.setenv("LEARNBACK_SOURCE_URL", SECRET)
    monkeypatch.setenv("LEARNBACK_GROUPS", "7")
    there = pickle.loads(packed)
    assert there.groups == 5, "what is no secret travels, also against the worker's own variables"
    assert there.source_url is None, "a run without a source of its own has none on a worker either"
    assert secret(there) == SECRET.replace("hunter2", "its-own")
    assert there.smtp_url is None, "no slice sends e-mails"


def test_folders_mean_the_same_on_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pickle.dumps(load(home=Path("mine"), extracts=Path("queries")))
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    there = pickle.loads(packed)
    assert (there.root, there.extracts) == (tmp_path / "mine", tmp_path / "queries")


def test_copies_within_a_process_keep_everything() -> None:
    settings = load(database_url=SECRET)
    assert settings.model_copy(update={"groups": 3}).database_url == SecretStr(SECRET)


@pytest.mark.parametrize("runner", ["threads", "dask://10.0.0.7:8786", "dask://scheduler.internal:8786"])
def test_runners(runner: str) -> None:
    assert load(runner=runner).runner == runner
    assert load(runner="").runner == "threads", "as for every setting, an empty value counts as unset"


@pytest.mark.parametrize("runner", ["processes", "dask", "dask://", "dask://host", "dask://host:port", "tcp://h:1"])
def test_other_runners_are_refused(runner: str) -> None:
    with pytest.raises(SettingsError, match=r"LEARNBACK_RUNNER: .*wanted `threads`, or a scheduler"):
        load(runner=runner)


def test_the_settings_choose_when_a_flow_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SliceRunner().duplicate().cluster is None
    monkeypatch.setenv("LEARNBACK_RUNNER", "dask://10.0.0.7:8786")
    cluster = SliceRunner().duplicate().cluster
    assert cluster is not None
    assert cluster.address == "dask://10.0.0.7:8786"
    monkeypatch.setenv("LEARNBACK_RUNNER", "nonsense")
    assert SliceRunner().duplicate().cluster is None, "the flow tells what is wrong with the settings"


def test_a_worker_refuses_a_run_of_other_code() -> None:
    with pytest.raises(ServerError, match="runs other code"):
        perform("tasks.check", "check_group", "another", (), {})
    with pytest.raises(TypeError, match="missing"):
        perform("tasks.check", "check_group", code_version(), (), {})
