"""A customer's orders are found without reading all: an index, which older builds can ignore."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_customer ON orders (customer, created_at DESC)")
