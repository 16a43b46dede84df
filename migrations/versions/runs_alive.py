"""Which process works on a run, so that dead runs are told from living ones; and what `prune` may delete."""

from pathlib import Path

from alembic import op

revision = "runs_alive"
down_revision = "message_tests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
