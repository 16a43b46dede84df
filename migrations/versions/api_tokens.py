"""Bearer tokens of the HTTP interface."""

from pathlib import Path

from alembic import op

revision = "api_tokens"
down_revision = "first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
