"""Runs inside the transaction that `store.migrate.upgrade` hands over: role, schema and lock are its business."""

from alembic import context

from store.tables import SCHEMA, Base


def ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    """Only our schema is compared and migrated; a user's own tables are none of ours."""
    return kind != "schema" or name == SCHEMA


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=ours,
)
with context.begin_transaction():
    context.run_migrations()
