"""Message tests from a file: odd columns and quotes survive, one text is one variant, and bad rows are named."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, func, select

from algorithms.content import headline_features
from contracts.errors import MappingError
from contracts.outcomes import HEADLINE_FEATURES
from settings import load
from store import embedded
from store.database import open_store
from store.migrate import upgrade
from store.scope import learner_scope
from store.tables import MessageTests
from store.tenants import all_tenants, create, resolve
from tasks.importing import import_file, load_recipe, parse_recipe, parse_tests_recipe, read_message_tests
from tasks.importing.load import ImportedTests

FILE = """\
converted,text,kind,shown,test
5,"Who knew, ""Sam""?",a,100,t1
7,"Two
lines",a,200,t1
0,Plain,b,100,t2
1,Plain,b,50,t2
3,Plain,b,300,t1
"""

PLAIN = '[message_test]\ntest = "test"\ntext = "text"\nshown = "shown"\nconverted = "converted"\n'
MAPPED = """\
[source]
delimiter = ";"

[tenant]
column = "Brand"

[time]
zone = "Europe/London"

[message_test]
test = '''"Test ID" || '/' || "Image"'''
text = '"Headline"'
shown = '"Impressions"'
converted = '"Clicks"'
tested_at = '"Ended"'
"""
ACME = '[tenant]\nname = "Acme"\n'


def read(folder: Path, file: str = FILE, recipe: str = ACME + PLAIN) -> pl.DataFrame:
    path = folder / "tests.csv"
    path.write_text(file, encoding="utf-8")
    return read_message_tests(path, parse_tests_recipe(recipe, "mine"))


def test_columns_in_any_order_and_texts_with_quotes_and_lines(tmp_path: Path) -> None:
    variants = read(tmp_path)
    assert variants.columns == ["tenant", "test", "text", "shown", "converted", "tested_at", *HEADLINE_FEATURES]
    assert variants.select("test", "text", "shown", "converted").rows() == [
        ("t1", 'Who knew, "Sam"?', 100, 5),
        ("t1", "Two\nlines", 200, 7),
        ("t2", "Plain", 150, 1),
        ("t1", "Plain", 300, 3),
    ]
    assert variants["tested_at"].null_count() == 4
    for row in variants.iter_rows(named=True):
        assert {name: row[name] for name in HEADLINE_FEATURES} == headline_features(row["text"])


def test_a_recipe_maps_other_names_dates_and_tenants(tmp_path: Path) -> None:
    recipe = MAPPED
    file = "Brand;Headline;Impressions;Clicks;Test ID;Image;Ended\nA;Hi;10;1;7;x;2025-07-01 12:00:00\nB;Hi;10;1;7;x;\n"
    variants = read(tmp_path, file, recipe)
    assert variants["tenant"].to_list() == ["A", "B"]
    assert variants["test"].to_list() == ["7/x", "7/x"]
    assert variants["tested_at"].to_list() == [datetime(2025, 7, 1, 11, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0,Plain,b,100,t2", "101,Plain,b,100,t2", "converted is above [message_test] shown on row 3: 101"),
        ("0,Plain", "-1,Plain", "converted is no whole number of 0 or more on row 3: -1"),
        ("0,Plain", "0.5,Plain", "converted is no whole number of 0 or more on row 3: 0.5"),
        ("0,Plain", ",Plain", "converted is empty on row 3"),
        ("0,Plain", "many,Plain", "[message_test] converted gives 'many' on row 3, and a number is wanted"),
        ("b,100,t2", "b,0,t2", "shown is no whole number of 1 or more on row 3: 0"),
        ("0,Plain,b", "0,,b", "[message_test] text is empty on row 3"),
        ("b,100,t2", "b,100,", "[message_test] test is empty on row 3"),
        ("shown", "seen", "the file has no column 'shown' ([message_test] shown)"),
        ("\n0,Plain,b,100,t2", "\n0,Plain,b,100", "line 5 of tests.csv has 4 values and the header 5"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in FILE
    with pytest.raises(MappingError) as caught:
        read(tmp_path, FILE.replace(old, new))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (PLAIN.replace("shown =", "shwn ="), "[message_test] has no key 'shwn' (did you mean shown?)"),
        (PLAIN.replace('converted = "converted"', ""), "[message_test] lacks 'converted'"),
        (PLAIN + "[lead]\nkey = ['a']\n", "it has no key 'lead'"),
        ('[time]\norder_by = ["a"]\n' + PLAIN, "message tests have no use for"),
    ],
)
def test_a_wrong_recipe_is_told_before_the_file_is_opened(recipe: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_tests_recipe(recipe, "mine")
    assert said in str(caught.value)


def test_expressions_see_their_own_row(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="looks at other rows"):
        read(tmp_path, recipe=ACME + PLAIN.replace('"shown"', '"sum(shown) OVER ()"'))


def test_a_recipe_for_tests_is_none_for_leads() -> None:
    with pytest.raises(MappingError, match="is for message tests, and one for leads is wanted"):
        load_recipe("message_tests")
    with pytest.raises(MappingError, match="has no key 'message_test'"):
        parse_recipe(PLAIN, "mine")


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


def test_an_import_says_what_it_did_and_a_second_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(FILE, encoding="utf-8")
    done = import_file(engine, path, "message_tests", tenant="Acme")
    assert done == ImportedTests(("Acme",), tests=2, variants=4, shown=750, conversions=16, changed=4)
    again = import_file(engine, path, "message_tests", tenant="Acme")
    assert isinstance(again, ImportedTests)
    assert again.changed == 0
    path.write_text(FILE.replace("5,", "6,", 1), encoding="utf-8")
    assert import_file(engine, path, "message_tests", tenant="acme").changed == 1, "the test went on"
    assert [tenant.name for tenant in all_tenants(engine)] == ["Acme"]


def test_tests_join_a_tenant_that_is_there(engine: Engine, tmp_path: Path) -> None:
    there = create(engine, "Made by hand")
    path = tmp_path / "tests.csv"
    path.write_text(FILE, encoding="utf-8")
    import_file(engine, path, "message_tests", tenant="Made by hand")
    with learner_scope(engine) as connection:
        count = select(func.count(), func.sum(MessageTests.converted)).where(MessageTests.tenant_id == there.id)
        assert connection.execute(count).one() == (4, 16)
    assert resolve(engine, "Made by hand").id == there.id


def test_nobody_named_nothing_written(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(FILE, encoding="utf-8")
    with pytest.raises(MappingError, match="does not say whose rows these are"):
        import_file(engine, path, "message_tests")
    path.write_text(FILE.replace("5,", "900,", 1), encoding="utf-8")
    with pytest.raises(MappingError, match="is above"):
        import_file(engine, path, "message_tests", tenant="Bad")
    assert "Bad" not in {tenant.name for tenant in all_tenants(engine)}
