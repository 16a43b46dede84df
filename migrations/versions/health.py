"""Health of heads, business metrics and notices, in plain SQL beside this file."""

from pathlib import Path

from alembic import op

revision = "health"
down_revision = "backfills"
branch_labels = None
depends_on = None


def upgrade() -> None:
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
