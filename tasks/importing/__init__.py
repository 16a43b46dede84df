"""Bring a user's leads, or message tests, in: a file and a recipe in, rows in the store out (docs/how-to/import.md).

recipe → files → expressions → evaluate → frames → leads (or message_tests), all before the first write, which is load.
"""

from tasks.importing.frames import Frames, read_frames
from tasks.importing.load import Imported, ImportedTests, import_file
from tasks.importing.message_tests import read_message_tests
from tasks.importing.recipe import Recipe, TestsRecipe, built_in, load_recipe, parse_recipe, parse_tests_recipe

__all__ = [
    "Frames",
    "Imported",
    "ImportedTests",
    "Recipe",
    "TestsRecipe",
    "built_in",
    "import_file",
    "load_recipe",
    "parse_recipe",
    "parse_tests_recipe",
    "read_frames",
    "read_message_tests",
]
