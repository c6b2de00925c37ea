"""Alembic's entry: runs on the connection that `overnight.store.schema` hands over."""

from alembic import context

from overnight.models import SQLModel

with_batches = {"render_as_batch": True, "compare_type": True}
context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, **with_batches)
with context.begin_transaction():
    context.run_migrations()
