"""mail door."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


MAIL_STATES = "'received', 'processed', 'unparsed', 'swallowed'"
OUTGOING_STATES = "'pending', 'sending', 'sent', 'captured', 'failed', 'uncertain', 'dropped', 'bounced'"


def upgrade() -> None:
    allow("mails", "mailstate", MAIL_STATES)
    allow("outgoing_mails", "outgoingstate", OUTGOING_STATES)
    op.create_table('dead_addresses',
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('evidence', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('address', name=op.f('pk_dead_addresses'))
    )
    op.create_table('reply_counts',
    sa.Column('domain', sa.Text(), nullable=False),
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('replies', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('domain', 'hour', name=op.f('pk_reply_counts'))
    )
    op.create_table('switches',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('changed_by', sa.Text(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_switches'))
    )
    op.create_table('redirections',
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('raised_on', sa.Enum('email', 'phone', 'portal', 'api', name='channel', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('wrote_again_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_redirections_request_id_requests')),
    sa.PrimaryKeyConstraint('request_id', name=op.f('pk_redirections'))
    )
    op.create_index(op.f('ix_redirections_policy'), 'redirections', ['policy'], unique=False)
    op.create_table('uploads',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('content_type', sa.Text(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_uploads_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_uploads')),
    sa.UniqueConstraint('request_id', 'digest', name=op.f('uq_uploads_request_id_digest'))
    )
    op.create_index(op.f('ix_uploads_request_id'), 'uploads', ['request_id'], unique=False)
    op.add_column('interactions', sa.Column('fields', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False))
    op.add_column('mails', sa.Column('joined', sa.Enum('reply-id', 'reply-address', 'thread', 'subject', name='joined', native_enum=False, create_constraint=True, length=32), nullable=True))
    op.add_column('mails', sa.Column('joined_evidence', sa.Text(), nullable=True))
    op.add_column('mails', sa.Column('unread_because', sa.Text(), nullable=True))
    op.add_column('outgoing_mails', sa.Column('bounced_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('reply_windows', sa.Column('answers', sa.Integer(), server_default='1', nullable=False))
    op.add_column('requests', sa.Column('follow_up_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_requests_follow_up', 'requests', ['id'], unique=False, postgresql_where=sa.text('follow_up_at IS NOT NULL'))
    op.execute("ALTER TABLE uploads ALTER COLUMN content SET STORAGE EXTERNAL")


def allow(table: str, name: str, values: str) -> None:
    """Let a column take these values."""
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"state IN ({values})")


def downgrade() -> None:
    allow("mails", "mailstate", MAIL_STATES.replace(", 'swallowed'", ""))
    allow("outgoing_mails", "outgoingstate", OUTGOING_STATES.replace(", 'bounced'", ""))
    op.drop_index('ix_requests_follow_up', table_name='requests', postgresql_where=sa.text('follow_up_at IS NOT NULL'))
    op.drop_column('requests', 'follow_up_at')
    op.drop_column('reply_windows', 'answers')
    op.drop_column('outgoing_mails', 'bounced_at')
    op.drop_column('mails', 'unread_because')
    op.drop_column('mails', 'joined_evidence')
    op.drop_column('mails', 'joined')
    op.drop_column('interactions', 'fields')
    op.drop_index(op.f('ix_uploads_request_id'), table_name='uploads')
    op.drop_table('uploads')
    op.drop_index(op.f('ix_redirections_policy'), table_name='redirections')
    op.drop_table('redirections')
    op.drop_table('switches')
    op.drop_table('reply_counts')
    op.drop_table('dead_addresses')
