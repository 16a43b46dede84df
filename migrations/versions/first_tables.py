"""Tables of the whole loop, in plain SQL beside this file: the tables, then the rules that they cannot declare."""

from pathlib import Path

from alembic import op

revision = "first_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    here = Path(__file__)
    connection = op.get_bind().execution_options(no_parameters=True)  # many statements, no placeholders
    for name in ("first_tables.sql", "first_rules.sql"):
        connection.exec_driver_sql(here.with_name(name).read_text(encoding="utf-8"))
