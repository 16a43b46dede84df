"""Does the guide hold? Its template is imported as it stands, with the file that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.importing import parse_recipe, parse_tests_recipe, read_message_tests
from tests.tasks.importing_files import read

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "import.md"
FILE = """\
Lead ID,Created,Booked at,Job title,Sector,Employees,Country,Channel,E-mail,Stage,Phone,Minutes on site
1,2025-01-06 09:00:00,2025-01-09 15:30:00,Sales Director,Legal,40,UK,referral,a@b.example,won,020,12
2,2025-01-07 10:00:00,,,Retail,n/a,UK,event,,lost,,
"""


def snippets() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)


def test_the_template_imports_as_it_stands(tmp_path):
    template, *_ = snippets()
    leads = read(tmp_path, file=FILE, recipe=template).leads
    assert leads["status"].to_list() == ["converted", "contacted"]
    assert leads["industry"].to_list() == ["legal", "retail"]
    assert leads["employee_count"].to_list() == [40, None]


def test_the_components_of_the_guide_fit_its_template(tmp_path):
    template = snippets()[0]
    components = next(snippet for snippet in snippets() if snippet.startswith("[components]"))
    leads = read(tmp_path, file=FILE, recipe=template + components).leads
    assert leads["authority"].to_list() == [1.0, 0.3]
    assert leads["timing"].to_list() == pytest.approx([0.65, 0.3])


def test_the_order_of_the_guide_is_a_recipe():
    ordered = next(snippet for snippet in snippets() if "order_by" in snippet)
    assert parse_recipe('[tenant]\nname = "Acme"\n' + ordered, "guide").synthetic_time


def test_the_message_tests_of_the_guide_import_as_they_stand(tmp_path):
    recipe = next(snippet for snippet in snippets() if "[message_test]" in snippet)
    path = tmp_path / "headlines.csv"
    path.write_text("Headline;Impressions;Clicks;Test ID;Image;Ended\nWho knew?;100;3;7;cat;2025-07-01\n")
    variants = read_message_tests(path, parse_tests_recipe('[tenant]\nname = "Acme"\n' + recipe, "guide"))
    assert variants.select("test", "text", "shown", "converted").rows() == [("7/cat", "Who knew?", 100, 3)]
