"""A small file and its recipe, for the tests of importing."""

from __future__ import annotations

from pathlib import Path

from tasks.importing import Frames, parse_recipe, read_frames

FILE = """\
id,week,won,job title,visits,stage
a,3,0,Owner,10,closed
b,1,1,Clerk,30,closed
c,2,0,,20,open
d,4,1,Owner,,open
"""

RECIPE = """\
[tenant]
name = "Acme"

[time]
order_by = ["week"]

[lead]
key = ["id"]
converted = "won"
title = '"job title"'

[past_rank.busy]
of = "visits"
null = 0

[components]
data_quality = '("job title" IS NOT NULL)::INT'
authority = '''CASE "job title" WHEN 'Owner' THEN 1 ELSE 0.25 END'''
company_fit = "0.5"
timing = "busy"
risk = "week / 8"

[excluded]
"stage" = "written after the outcome"
"""


def read(folder: Path, *, file: str | bytes = FILE, recipe: str = RECIPE, name: str = "leads.csv") -> Frames:
    """Frames of a file with this content, by this recipe."""
    path = folder / name
    path.write_bytes(file if isinstance(file, bytes) else file.encode())
    return read_frames(path, parse_recipe(recipe, "mine"))
