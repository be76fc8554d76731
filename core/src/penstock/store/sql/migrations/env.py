"""Alembic's entry: runs the migrations on the connection, and in the transaction, of `penstock.store.sql.schema`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True, transactional_ddl=True)
context.run_migrations()
