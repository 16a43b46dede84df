"""Bring a user's own leads in: a file and a recipe in, rows in the store out (docs/how-to/import.md).

recipe → files → expressions → evaluate → frames → leads, all before the first write, which is load.
"""

from tasks.importing.frames import Frames, read_frames
from tasks.importing.load import Imported, import_file
from tasks.importing.recipe import Recipe, built_in, load_recipe, parse_recipe

__all__ = ["Frames", "Imported", "Recipe", "built_in", "import_file", "load_recipe", "parse_recipe", "read_frames"]
