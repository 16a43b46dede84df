"""From a file into a real PostgreSQL: all of it, once, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from contracts.errors import MappingError
from settings import load
from store import embedded
from store.database import open_store
from store.migrate import upgrade
from store.scope import learner_scope
from store.tables import Leads
from store.tenants import all_tenants, choose, create, resolve
from tasks.importing import Imported, import_file
from tests.tasks.importing_files import FILE, RECIPE


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="learnback-") as home:
        Path(home).chmod(0o755)  # as root the server runs as another user, who must be able to enter
        settings = load(home=Path(home) / "home")
        upgrade(settings)
        engine = open_store(settings)
        yield engine
        engine.dispose()
        embedded.stop(settings)


@pytest.fixture
def importing(engine: Engine, tmp_path: Path) -> Callable[..., Imported]:
    def run(tenant: str, file: str = FILE) -> Imported:
        (tmp_path / "leads.csv").write_text(file)
        (tmp_path / "mine.toml").write_text(RECIPE.replace("Acme", tenant))
        return import_file(engine, tmp_path / "leads.csv", str(tmp_path / "mine.toml"))

    return run


def leads_of(engine: Engine, tenant: str) -> list[tuple[object, ...]]:
    columns = (Leads.id, Leads.status, Leads.converted_at, Leads.timing, Leads.components_at, Leads.synthetic_time)
    with learner_scope(engine) as connection:
        held = select(*columns).where(Leads.tenant_id == resolve(engine, tenant).id).order_by(Leads.created_at)
        return [tuple(row) for row in connection.execute(held)]


def test_an_import_is_whole_and_says_what_it_did(engine, importing):
    done = importing("Whole")
    assert done == Imported(("Whole",), leads=4, conversions=2, changed=4, synthetic_time=True)
    rows = leads_of(engine, "Whole")
    assert [row[1] for row in rows] == ["converted", "lost", "lost", "converted"]
    assert [row[3] for row in rows] == [0.5, 0, 0, 0]
    assert all(row[4] is not None and row[5] for row in rows)


def test_importing_again_changes_nothing(engine, importing):
    importing("Again")
    before = leads_of(engine, "Again")
    assert importing("Again").changed == 0
    assert leads_of(engine, "Again") == before


def test_a_grown_file_adds_its_new_rows(engine, importing):
    importing("Grown")
    assert importing("Grown", FILE + "e,5,1,Owner,7,open\n".replace("e,5", "e,4")).changed == 1
    assert len(leads_of(engine, "Grown")) == 5


def test_a_tenant_keeps_what_it_has_chosen_since(engine, importing):
    importing("Chosen")
    choose(engine, resolve(engine, "Chosen").id, actor="test", shares_priors=True)
    importing("Chosen")
    assert resolve(engine, "Chosen").shares_priors


def test_a_bad_file_writes_nothing(engine, importing):
    with pytest.raises(MappingError):
        importing("Bad", FILE.replace("d,4,1", "d,4,7"))
    assert "Bad" not in {tenant.name for tenant in all_tenants(engine)}


def test_a_tenant_that_no_import_made_is_left_alone(engine, importing):
    create(engine, "Taken")
    with pytest.raises(MappingError, match="already that no import made"):
        importing("Taken")
    with learner_scope(engine) as connection:
        count = select(func.count()).where(Leads.tenant_id == resolve(engine, "Taken").id)
        assert connection.scalar(count) == 0
