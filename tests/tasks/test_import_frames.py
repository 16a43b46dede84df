"""What a good file and recipe become."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contracts.outcomes import COMPONENTS, LEADS, TENANTS
from tasks.importing import load_recipe, parse_recipe, read_frames
from tests.tasks.importing_files import FILE, RECIPE, read

TIMED = """\
[tenant]
column = "account"
horizon_days = 14
shares_priors = true

[time]
zone = "Europe/London"

[lead]
key = ["id"]
created_at = "created"
converted_at = "booked"
status = "state"
employee_count = "staff"
opted_out = "gone = 'y'"
time_zone = "'Europe/London'"
"""
TIMED_FILE = """\
id,account,created,booked,state,staff,gone
1,North,2024-07-02 10:00:00,,lost,12,n
2,South,2024-01-01 09:00:00,2024-01-03 12:00:00,,,y
1,South,2024-06-01 09:00:00,,,40,n
"""


def test_rows_become_leads_in_order_of_time(tmp_path):
    leads = read(tmp_path).leads
    assert leads.columns == list(LEADS.names)
    assert leads["title"].to_list() == ["Clerk", None, "Owner", "Owner"]
    assert leads["status"].to_list() == ["converted", "lost", "lost", "converted"]
    assert leads["authority"].to_list() == [0.25, 0.25, 1.0, 1.0]
    assert leads["data_quality"].to_list() == [1, 0, 1, 1]
    assert leads["opted_out"].to_list() == [False] * 4
    assert leads["lead_id"].n_unique() == 4


def test_ranks_see_earlier_rows_only(tmp_path):
    # visits in order of week: 30, 20, 10, none (counted as 0)
    assert read(tmp_path).leads["timing"].to_list() == [0.5, 0.0, 0.0, 0.0]
    risen = FILE.replace("d,4,1,Owner,,open", "d,4,1,Owner,25,open")
    assert read(tmp_path, file=risen).leads["timing"].to_list() == pytest.approx([0.5, 0.0, 0.0, 2 / 3])


def test_ranks_are_taken_within_each_tenant(tmp_path):
    file = "id,account,week,won,visits\na,N,1,0,5\nb,S,2,1,9\nc,N,3,0,7\nd,S,4,0,8\n"
    recipe = """
        tenant = { column = "account" }
        time = { order_by = ["week"] }
        lead = { key = ["id"], converted = "won" }
        past_rank = { busy = { of = "visits" } }
        components = { data_quality = "1", authority = "1", company_fit = "1", timing = "busy", risk = "1" }
    """
    assert read(tmp_path, file=file, recipe=recipe).leads["timing"].to_list() == [0.5, 0.5, 1.0, 0.0]


def test_a_later_row_changes_nothing_before_it(tmp_path):
    before = read(tmp_path).leads
    after = read(tmp_path, file=FILE + "e,5,0,Owner,99,open\n").leads
    assert_frame_equal(after.head(4), before)


def test_pseudo_times_are_ordinal_flagged_and_resolved(tmp_path):
    leads = read(tmp_path).leads
    assert leads["synthetic_time"].all()
    assert leads["created_at"].diff().drop_nulls().unique().to_list() == [timedelta(seconds=1)]
    assert leads["converted_at"].is_not_null().to_list() == [True, False, False, True]
    assert (leads["converted_at"] >= leads["created_at"]).all()
    assert (leads["scored_at"] == leads["created_at"]).all()
    assert leads["created_at"].max() < datetime(2004, 1, 1, tzinfo=UTC)


def test_timestamps_are_read_on_the_clock_of_their_zone(tmp_path):
    frames = read(tmp_path, file=TIMED_FILE, recipe=TIMED)
    leads = frames.leads
    assert leads["created_at"].to_list() == [
        datetime(2024, 1, 1, 9, tzinfo=UTC),
        datetime(2024, 6, 1, 8, tzinfo=UTC),
        datetime(2024, 7, 2, 9, tzinfo=UTC),
    ]
    assert leads["converted_at"].to_list() == [datetime(2024, 1, 3, 12, tzinfo=UTC), None, None]
    assert leads["status"].to_list() == ["converted", "contacted", "lost"]
    assert leads["employee_count"].to_list() == [None, 40, 12]
    assert leads["opted_out"].to_list() == [True, False, False]
    assert not leads["synthetic_time"].any()
    assert leads["scored_at"].null_count() == 3  # no components, so nothing was scored


def test_tenants_come_from_a_column_and_one_key_may_be_in_both(tmp_path):
    frames = read(tmp_path, file=TIMED_FILE, recipe=TIMED)
    assert frames.tenants.columns == list(TENANTS.names)
    assert frames.tenants["name"].to_list() == ["North", "South"]
    assert frames.tenants["horizon_days"].to_list() == [14, 14]
    assert frames.tenants["shares_priors"].to_list() == [True, True]
    assert frames.leads["lead_id"].n_unique() == 3
    assert set(frames.leads["tenant_id"]) == set(frames.tenants["tenant_id"])
    assert read(tmp_path).tenants["shares_priors"].to_list() == [False]  # consent is never assumed


def test_ids_follow_the_key_and_not_the_place(tmp_path):
    header, *rows = FILE.splitlines()
    shuffled = "\n".join([header, *reversed(rows)]) + "\n"
    assert_frame_equal(read(tmp_path, file=shuffled).leads, read(tmp_path).leads)
    assert not read(tmp_path, recipe=RECIPE.replace("Acme", "Other")).leads["lead_id"].is_in(
        read(tmp_path).leads["lead_id"].to_list()
    ).any()  # fmt: skip


def test_no_ids_are_kept_by_a_file_without_a_key_but_the_row(tmp_path):
    by_row = RECIPE.replace('key = ["id"]', 'key = ["row_number"]').replace('["week"]', '["row_number"]')
    leads = read(tmp_path, recipe=by_row).leads
    assert leads["title"].to_list() == ["Owner", "Clerk", None, "Owner"]
    assert leads["lead_id"].n_unique() == 4


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("leads.csv", FILE.replace(",", ";").encode(), 'delimiter = ";"'),
        ("leads.txt", FILE.replace(",", "\t").encode(), 'delimiter = "\\t"'),
        ("leads.csv.gz", gzip.compress(FILE.encode(), mtime=0), ""),
        ("leads.csv", b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode(), ""),
        ("leads.csv", FILE.encode("utf-16"), 'encoding = "utf-16"'),
        ("leads.csv", FILE.replace(",,", ",Select,").encode(), 'null_values = ["Select"]'),
    ],
)
def test_formats_differ_and_leads_do_not(tmp_path, name, content, source):
    frames = read(tmp_path, file=content, recipe=f"[source]\n{source}\n{RECIPE}", name=name)
    assert_frame_equal(frames.leads, read(tmp_path).leads)


def test_parquet_gives_the_same_leads(tmp_path):
    (tmp_path / "leads.csv").write_text(FILE)
    duckdb.sql(f"COPY (FROM '{tmp_path}/leads.csv') TO '{tmp_path}/leads.parquet'")
    frames = read_frames(tmp_path / "leads.parquet", parse_recipe(RECIPE, "mine"))
    assert_frame_equal(frames.leads, read(tmp_path).leads)


def test_a_wide_encoding_is_read_when_named(tmp_path):
    file = FILE.replace("Clerk", "Geschäftsführer").encode("cp1252")
    leads = read(tmp_path, file=file, recipe='[source]\nencoding = "cp1252"\n' + RECIPE).leads
    assert leads["title"][0] == "Geschäftsführer"


def test_a_type_may_be_named_where_the_inferred_one_is_wrong(tmp_path):
    file = FILE.replace("Owner", "007").replace("Clerk", "012")
    typed = '[source.types]\n"job title" = "VARCHAR"\n' + RECIPE
    assert read(tmp_path, file=file, recipe=typed).leads["title"].to_list() == ["012", None, "007", "007"]


def test_the_caller_may_name_the_tenant(tmp_path):
    (tmp_path / "leads.csv").write_text(FILE)
    open_recipe = parse_recipe(RECIPE.replace('[tenant]\nname = "Acme"\n', ""), "mine")
    frames = read_frames(tmp_path / "leads.csv", open_recipe.of_tenant("Bright"))
    assert frames.tenants["name"].to_list() == ["Bright"]


def test_progress_goes_up_to_the_whole_file(tmp_path):
    told: list[tuple[str, float]] = []
    (tmp_path / "leads.csv").write_text(FILE)
    read_frames(tmp_path / "leads.csv", parse_recipe(RECIPE, "mine"), lambda stage, share: told.append((stage, share)))
    assert [stage for stage, _ in told] == ["reading", "ranking", "mapping", "identifying", "identifying"]
    assert ("reading", 1.0) in told
    assert told[-1] == ("identifying", 1.0)


@pytest.mark.parametrize("name", ["x_education", "bank"])
def test_built_in_recipes_can_be_read_by_name(name):
    recipe = load_recipe(name)
    assert recipe.synthetic_time
    assert set(recipe.components) == set(COMPONENTS)
    assert recipe.excluded


def test_nulls_in_components_stay_null(tmp_path):
    recipe = RECIPE.replace('company_fit = "0.5"', 'company_fit = "visits / 100"')
    assert read(tmp_path, recipe=recipe).leads["company_fit"].to_list() == [0.3, 0.2, 0.1, None]
    assert read(tmp_path, recipe=recipe).leads["company_fit"].dtype == pl.Float64
