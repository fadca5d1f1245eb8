"""Run by Alembic with a connection that `fleetloop.app.schema` hands it."""

from alembic import context

from fleetloop.app.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=True,
    transactional_ddl=True,  # killed at any statement, a migration leaves nothing behind
)
with context.begin_transaction():
    context.run_migrations()
