"""What a person is told when file or recipe is at fault: one sentence, with the place and the way out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from contracts.errors import MappingError
from tasks.importing import load_recipe, parse_recipe, read_frames
from tests.tasks.importing_files import FILE, RECIPE, read


def complaint(folder: Path, **arguments: object) -> str:
    with pytest.raises(MappingError) as caught:
        read(folder, **arguments)  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a,3,0,Owner", "a,3,2,Owner", ("[lead] converted", "neither 0 nor 1", "row 1", ": 2")),
        ("a,3,0,Owner", "a,3,,Owner", ("[lead] converted", "neither 0 nor 1", "row 1")),
        ("a,3,0,Owner", "a,3,no,Owner", ("[lead] converted", "'no'", "row 1", "a number is wanted")),
        ("d,4,1", "d,10,1", ("[components] risk", "outside 0 to 1", "row 4", "1.25")),
        ("b,1", "a,1", ("[lead] key id", "repeats", "row 2", "'a'")),
        ("b,1", ",1", ("[lead] key id", "empty", "row 2")),
        ("b,1", "b,", ("[time] order_by week", "empty", "row 2")),
        ("c,2,0,,20,open", "c,2,0,,20", ("line 4", "has 5 values and the header 6")),
        ("b,1,1,Clerk", 'b,1,1,"Clerk', ("line", "not CSV")),
        ("Clerk", "Cl\0erk", ("zero bytes", "utf-16")),
    ],
)
def test_a_wrong_value_is_named_with_its_row(tmp_path, old, new, words):
    assert old in FILE
    text = complaint(tmp_path, file=FILE.replace(old, new))
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('converted = "won"', 'convertd = "won"', ("[lead]", "'convertd'", "did you mean converted")),
        ("[excluded]", "[exluded]", ("'exluded'", "did you mean excluded")),
        ("[past_rank.busy]\nof", "[past_rank.busy]\noff", ("past_rank.busy", "'off'", "did you mean of")),
        ("data_quality =", "data_qualty =", ("[components]", "'data_qualty'", "did you mean data_quality")),
        ('timing = "busy"\n', "", ("[components]", "lacks timing")),
        ("order_by", "ordr_by", ("[time]", "did you mean order_by")),
        ('order_by = ["week"]', "", ("created_at", "order_by")),
        ('converted = "won"', "", ("order_by", "converted")),
        ("[lead]", '[lead]\ncreated_at = "week"', ("both [time] order_by and timestamps",)),
        ("[tenant]", '[tenant]\ncolumn = "id"', ("[tenant]", "both `name` and `column`")),
        ("[tenant]", "[tenant]\nhorizon_days = 0", ("tenant.horizon_days", "greater than or equal to 1")),
        ("[time]", '[time]\nzone = "Mars/Base"', ("time.zone", "'Mars/Base'", "IANA")),
        ("[tenant]", '[source]\nencoding = "latin-99"\n[tenant]', ("source.encoding", "latin-99")),
        ("[past_rank.busy]", "[past_rank.position]", ("'position'", "importer uses itself")),
        ('"written after the outcome"', '" "', ("excluded.stage", "is empty")),
        ("[tenant]", "[tenant", ("not valid TOML", "line 1")),
    ],
)
def test_a_wrong_recipe_is_told_before_the_file_is_opened(old, new, words):
    assert old in RECIPE
    with pytest.raises(MappingError) as caught:
        parse_recipe(RECIPE.replace(old, new, 1), "mine")
    for word in ("'mine'", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("stage = 'closed'", ("'stage'", "written after the outcome")),
        ("rank() OVER (ORDER BY week)", ("other rows", "[past_rank]")),
        ("(SELECT max(won) FROM file)", ("query of its own",)),
        ("max(won)", ("max()", "functions of one row")),
        ("random()", ("random()", "never changes")),
        ("(now() > '2020-01-01')::INT", ("now()", "never changes")),
        ("read_text('/etc/hostname')", ("read_text()",)),
        ("COLUMNS('w.*')", ("many columns",)),
        ("won), (week", ("not one SQL expression",)),
        ("won +", ("not a SQL expression", "syntax error")),
        ("strptime(id, '%Y')::INT", ("[lead] converted", "fails")),
    ],
)
def test_an_expression_may_see_its_row_and_nothing_else(tmp_path, expression, words):
    recipe = RECIPE.replace('converted = "won"', f'converted = """{expression}"""')
    text = complaint(tmp_path, recipe=recipe)
    for word in ("[lead] converted", *words):
        assert word in text


def test_an_excluded_column_cannot_come_in_through_order_key_or_rank(tmp_path):
    for old, new in (('["week"]', '["stage"]'), ('["id"]', '["stage"]'), ('of = "visits"', 'of = "length(stage)"')):
        assert "written after the outcome" in complaint(tmp_path, recipe=RECIPE.replace(old, new))


def test_all_missing_columns_are_named_at_once_with_the_nearest(tmp_path):
    recipe = RECIPE.replace('"won"', '"wonn"').replace('["week"]', '["Week"]').replace('"stage"', '"stages"')
    text = complaint(tmp_path, recipe=recipe)
    for missing, nearest in (("wonn", "won"), ("Week", "week"), ("stages", "stage")):
        assert f"'{missing}'" in text
        assert f"nearest: '{nearest}'" in text


def test_a_misspelt_exclusion_does_not_pass_in_silence(tmp_path):
    assert "[excluded]" in complaint(tmp_path, recipe=RECIPE.replace('"stage" =', '"Stage" ='))


def test_a_comment_in_an_expression_hides_nothing(tmp_path):
    recipe = RECIPE.replace('converted = "won"', 'converted = "won -- the outcome"')
    assert read(tmp_path, recipe=recipe).conversions == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("leads.csv", b"", ("leads.csv is empty",)),
        ("leads.csv", FILE.splitlines()[0].encode(), ("a header and no rows",)),
        ("leads.csv", FILE.replace(",", ";").encode(), ("one column", "delimiter = ';'")),
        ("leads.csv.gz", FILE.encode(), ("gzip",)),
        ("leads.csv.gz", gzip.compress(FILE.encode(), mtime=0)[:-12], ("gzip",)),
        ("leads.parquet", FILE.encode(), ("leads.parquet cannot be read",)),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, content, words):
    text = complaint(tmp_path, file=content, name=name)
    for word in words:
        assert word in text


def test_a_wrong_byte_is_named_with_its_offset(tmp_path):
    file = FILE.replace("Clerk", "Café").encode("latin-1")
    text = complaint(tmp_path, file=file)
    assert f"byte {file.index(0xE9):,} of leads.csv is not utf-8" in text
    assert 'encoding = "latin-1"' in text


def test_a_wrong_byte_far_into_a_long_file_has_its_true_offset(tmp_path):
    head, rest = FILE.encode().split(b"\n", 1)
    filler = "".join(f"x{n},9,0,Dürer,1,open\n" for n in range(250_000)).encode()
    file = head + b"\n" + filler + b"y,9,0,\xff,1,open\n" + rest
    assert f"byte {file.index(0xFF):,} of leads.csv" in complaint(tmp_path, file=file)


def test_no_file_no_recipe_no_tenant(tmp_path):
    with pytest.raises(MappingError, match="there is no file"):
        read_frames(tmp_path / "nowhere.csv", parse_recipe(RECIPE, "mine"))
    with pytest.raises(MappingError, match=r"no recipe 'x_educatio' \(did you mean x_education\?\)"):
        load_recipe("x_educatio")
    assert "whose rows" in complaint(tmp_path, recipe=RECIPE.replace('[tenant]\nname = "Acme"\n', ""))
    with pytest.raises(MappingError, match="--tenant"):
        parse_recipe(RECIPE, "mine").of_tenant("Bright")


@pytest.mark.parametrize(
    ("created", "words"),
    [
        ("soon", ("[lead] created_at", "'soon'", "strptime")),
        ("2024-03-31 01:30:00", ("[lead] created_at", "does not exist", "Europe/London", "row 1")),
    ],
)
def test_times_that_are_none(tmp_path, created, words):
    recipe = """
        tenant = { name = "Acme" }
        time = { zone = "Europe/London" }
        lead = { key = ["id"], created_at = "created", converted_at = "booked" }
    """
    text = complaint(tmp_path, file=f"id,created,booked\n1,{created},\n", recipe=recipe)
    for word in words:
        assert word in text


def test_a_status_that_nobody_knows(tmp_path):
    recipe = RECIPE.replace("[past_rank", 'status = "lower(id)"\n[past_rank', 1)
    text = complaint(tmp_path, recipe=recipe)
    assert "[lead] status is unknown on row 1: 'a' (and on 3 more)" in text
    assert "opted_out" in text
