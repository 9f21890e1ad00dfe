"""phone door."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

BEFORE = ("mail.process", "mail.send", "request.suggest", "recording.fetch", "notice.send", "callback.place")
ADDED = ("recording.remove", "receipt.send")


def _allow_jobs(*kinds: str) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f("ck_jobs_jobkind"), "jobs")
    op.create_check_constraint(op.f("ck_jobs_jobkind"), "jobs", f"kind IN ({listed})")


def upgrade() -> None:
    op.create_table('rota_overrides',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('tier', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('made_by', sa.Text(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_by', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rota_overrides'))
    )
    op.create_index(op.f('ix_rota_overrides_ends_at'), 'rota_overrides', ['ends_at'], unique=False)
    op.create_table('call_receipts',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('pending', 'sending', 'sent', 'captured', 'failed', 'uncertain', 'dropped', 'bounced', name='outgoingstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('message_sid', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['call_id'], ['calls.id'], name=op.f('fk_call_receipts_call_id_calls')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_call_receipts_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_receipts')),
    sa.UniqueConstraint('call_id', 'channel', name=op.f('uq_call_receipts_call_id_channel')),
    sa.UniqueConstraint('message_sid', name=op.f('uq_call_receipts_message_sid'))
    )
    op.create_index(op.f('ix_call_receipts_call_id'), 'call_receipts', ['call_id'], unique=False)
    op.create_index(op.f('ix_call_receipts_request_id'), 'call_receipts', ['request_id'], unique=False)
    op.create_table('legs',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('ring_seconds', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('ringing', 'answered', 'taken', 'passed', 'silent', 'no-answer', 'busy', 'failed', 'canceled', name='legstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('dial_call_sid', sa.Text(), nullable=True),
    sa.Column('rung_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('key_pressed', sa.Text(), nullable=True),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('bridged', sa.Boolean(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sip_code', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['call_id'], ['calls.id'], name=op.f('fk_legs_call_id_calls')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_legs_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_legs')),
    sa.UniqueConstraint('call_id', 'round', 'number', name=op.f('uq_legs_call_id_round_number')),
    sa.UniqueConstraint('dial_call_sid', name=op.f('uq_legs_dial_call_sid'))
    )
    op.create_index(op.f('ix_legs_call_id'), 'legs', ['call_id'], unique=False)
    op.create_index(op.f('ix_legs_request_id'), 'legs', ['request_id'], unique=False)
    op.create_table('owed_calls',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('call_id', sa.Uuid(), nullable=True),
    sa.Column('number', sa.Text(), nullable=True),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('automatic', sa.Boolean(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('made_by', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by', sa.Text(), server_default='', nullable=False),
    sa.Column('outcome', sa.Text(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['call_id'], ['calls.id'], name=op.f('fk_owed_calls_call_id_calls')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_owed_calls_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_owed_calls'))
    )
    op.create_index('ix_owed_calls_due_at', 'owed_calls', ['due_at'], unique=False, postgresql_where=sa.text('done_at IS NULL'))
    op.create_index(op.f('ix_owed_calls_request_id'), 'owed_calls', ['request_id'], unique=False)
    op.create_index('uq_owed_calls_open', 'owed_calls', ['request_id'], unique=True, postgresql_where=sa.text('done_at IS NULL'))
    op.add_column('accounts', sa.Column('pin_digest', sa.Text(), nullable=True))
    op.create_unique_constraint(op.f('uq_accounts_pin_digest'), 'accounts', ['pin_digest'])
    op.add_column('interactions', sa.Column('confidence', sa.Double(), nullable=True))
    op.add_column('recordings', sa.Column('digest', sa.Text(), nullable=True))
    op.add_column('recordings', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('recordings', sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('requests', sa.Column('folded_into', sa.Uuid(), nullable=True))
    op.create_index(op.f('ix_requests_folded_into'), 'requests', ['folded_into'], unique=False)
    op.create_foreign_key(op.f('fk_requests_folded_into_requests'), 'requests', 'requests', ['folded_into'], ['id'])
    op.add_column('calls', sa.Column('recovered_at', sa.DateTime(timezone=True), nullable=True))
    _allow_jobs(*BEFORE, *ADDED)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM jobs WHERE kind IN ('recording.remove', 'receipt.send')"))
    _allow_jobs(*BEFORE)
    op.drop_column('calls', 'recovered_at')
    op.drop_constraint(op.f('fk_requests_folded_into_requests'), 'requests', type_='foreignkey')
    op.drop_index(op.f('ix_requests_folded_into'), table_name='requests')
    op.drop_column('requests', 'folded_into')
    op.drop_column('recordings', 'removed_at')
    op.drop_column('recordings', 'erased_at')
    op.drop_column('recordings', 'digest')
    op.drop_column('interactions', 'confidence')
    op.drop_constraint(op.f('uq_accounts_pin_digest'), 'accounts', type_='unique')
    op.drop_column('accounts', 'pin_digest')
    op.drop_index('uq_owed_calls_open', table_name='owed_calls', postgresql_where=sa.text('done_at IS NULL'))
    op.drop_index(op.f('ix_owed_calls_request_id'), table_name='owed_calls')
    op.drop_index('ix_owed_calls_due_at', table_name='owed_calls', postgresql_where=sa.text('done_at IS NULL'))
    op.drop_table('owed_calls')
    op.drop_index(op.f('ix_legs_request_id'), table_name='legs')
    op.drop_index(op.f('ix_legs_call_id'), table_name='legs')
    op.drop_table('legs')
    op.drop_index(op.f('ix_call_receipts_request_id'), table_name='call_receipts')
    op.drop_index(op.f('ix_call_receipts_call_id'), table_name='call_receipts')
    op.drop_table('call_receipts')
    op.drop_index(op.f('ix_rota_overrides_ends_at'), table_name='rota_overrides')
    op.drop_table('rota_overrides')
