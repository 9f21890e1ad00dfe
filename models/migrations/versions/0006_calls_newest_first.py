"""calls newest first."""

from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_calls_started_at_id', 'calls', ['started_at', 'id'])


def downgrade() -> None:
    op.drop_index('ix_calls_started_at_id', table_name='calls')
