"""Called by Alembic: runs the migrations on the connection that quai.schema.migrate has opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
