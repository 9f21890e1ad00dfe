"""policies that run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


JOB_KINDS = (
    "'mail.process', 'mail.send', 'request.suggest', 'recording.fetch', 'notice.send', 'callback.place'"
)


def upgrade() -> None:
    allow_jobs(JOB_KINDS)
    op.create_table('account_facts',
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('stated_by', sa.Text(), nullable=False),
    sa.Column('stated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_account_facts_account_id_accounts')),
    sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_account_facts'))
    )
    op.create_table('contracts',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('since', sa.Date(), nullable=True),
    sa.Column('until', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_contracts_account_id_accounts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contracts'))
    )
    op.create_index(op.f('ix_contracts_account_id'), 'contracts', ['account_id'], unique=False)
    op.create_table('callbacks',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('placed_by', sa.Text(), nullable=False),
    sa.Column('placed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Enum('placed', 'answered', 'no-answer', 'busy', 'machine', 'failed', name='callbackoutcome', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('call_sid', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ring_seconds', sa.Integer(), nullable=True),
    sa.Column('sip_code', sa.Integer(), nullable=True),
    sa.Column('answered_by', sa.Text(), nullable=True),
    sa.Column('key_pressed', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_callbacks_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_callbacks')),
    sa.UniqueConstraint('call_sid', name=op.f('uq_callbacks_call_sid'))
    )
    op.create_index(op.f('ix_callbacks_request_id'), 'callbacks', ['request_id'], unique=False)
    op.create_table('escalation_steps',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('ladder', sa.Text(), nullable=False),
    sa.Column('rung', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('to_role', sa.Text(), nullable=False),
    sa.Column('to_name', sa.Text(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('cause_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('clause', sa.Text(), nullable=False),
    sa.Column('assumed', sa.Boolean(), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('policy_digest', sa.Text(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'told', 'nobody', 'failed', name='stepstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_escalation_steps_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_escalation_steps')),
    sa.UniqueConstraint('request_id', 'key', name=op.f('uq_escalation_steps_request_id_key'))
    )
    op.create_index(op.f('ix_escalation_steps_request_id'), 'escalation_steps', ['request_id'], unique=False)
    op.create_table('stated_facts',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('stated_by', sa.Text(), nullable=False),
    sa.Column('stated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_stated_facts_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stated_facts'))
    )
    op.create_index(op.f('ix_stated_facts_request_id'), 'stated_facts', ['request_id'], unique=False)
    op.create_table('notices',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('step_id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('pending', 'sending', 'sent', 'captured', 'failed', 'uncertain', 'dropped', 'bounced', name='outgoingstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('call_sid', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_notices_request_id_requests')),
    sa.ForeignKeyConstraint(['step_id'], ['escalation_steps.id'], name=op.f('fk_notices_step_id_escalation_steps')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices')),
    sa.UniqueConstraint('call_sid', name=op.f('uq_notices_call_sid')),
    sa.UniqueConstraint('step_id', 'recipient', name=op.f('uq_notices_step_id_recipient'))
    )
    op.create_index(op.f('ix_notices_request_id'), 'notices', ['request_id'], unique=False)
    op.create_index(op.f('ix_notices_step_id'), 'notices', ['step_id'], unique=False)
    op.add_column('clock_events', sa.Column('value', sa.Text(), server_default='', nullable=False))
    op.add_column('clock_events', sa.Column('until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('clock_events', sa.Column('note', sa.Text(), server_default='', nullable=False))
    op.add_column('clock_events', sa.Column('made_by', sa.Text(), server_default='', nullable=False))
    op.add_column('clock_events', sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False))
    op.add_column('clock_events', sa.Column('is_public', sa.Boolean(), server_default='false', nullable=False))
    op.add_column('decisions', sa.Column('policy', sa.Text(), server_default='', nullable=False))
    op.add_column('decisions', sa.Column('policy_digest', sa.Text(), server_default='', nullable=False))
    op.add_column('decisions', sa.Column('rule', sa.Text(), nullable=True))
    op.add_column('engineers', sa.Column('address', sa.Text(), nullable=True))
    op.add_column('engineers', sa.Column('number', sa.Text(), nullable=True))
    op.add_column('outgoing_mails', sa.Column('policy', sa.Text(), server_default='', nullable=False))
    op.add_column('outgoing_mails', sa.Column('policy_digest', sa.Text(), server_default='', nullable=False))
    op.add_column('requests', sa.Column('status', sa.Text(), server_default='', nullable=False))
    op.add_column('requests', sa.Column('status_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('requests', sa.Column('owner', sa.Text(), nullable=True))
    op.add_column('requests', sa.Column('visibility', sa.Enum('private', 'group', name='visibility', native_enum=False, create_constraint=True, length=32), server_default='private', nullable=False))
    op.add_column('requests', sa.Column('resolution', sa.Text(), nullable=True))
    op.add_column('requests', sa.Column('attention_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_requests_attention', 'requests', ['attention_at'], unique=False, postgresql_where=sa.text('attention_at IS NOT NULL'))
    op.create_index(op.f('ix_requests_owner'), 'requests', ['owner'], unique=False)
    op.execute("UPDATE clock_events SET value = r.channel FROM requests r WHERE r.id = request_id AND event = 'started'")
    for event, column in (("type", "type"), ("level", "priority")):
        op.execute(
            "INSERT INTO clock_events (request_id, event, source, at, value, made_by) "
            f"SELECT request_id, '{event}', 'decision:' || id, decided_at, coalesce({column}, ''), decided_by "
            "FROM decisions"
        )


def allow_jobs(kinds: str) -> None:
    """Let the kind of a job be one of these."""
    op.drop_constraint(op.f("ck_jobs_jobkind"), "jobs")
    op.create_check_constraint(op.f("ck_jobs_jobkind"), "jobs", f"kind IN ({kinds})")


def downgrade() -> None:
    op.execute("DELETE FROM clock_events WHERE event IN ('type', 'level')")
    op.execute("DELETE FROM jobs WHERE kind IN ('notice.send', 'callback.place')")
    allow_jobs(JOB_KINDS.replace(", 'notice.send', 'callback.place'", ""))
    op.drop_index(op.f('ix_requests_owner'), table_name='requests')
    op.drop_index('ix_requests_attention', table_name='requests', postgresql_where=sa.text('attention_at IS NOT NULL'))
    op.drop_column('requests', 'attention_at')
    op.drop_column('requests', 'resolution')
    op.drop_column('requests', 'visibility')
    op.drop_column('requests', 'owner')
    op.drop_column('requests', 'status_since')
    op.drop_column('requests', 'status')
    op.drop_column('outgoing_mails', 'policy_digest')
    op.drop_column('outgoing_mails', 'policy')
    op.drop_column('engineers', 'number')
    op.drop_column('engineers', 'address')
    op.drop_column('decisions', 'rule')
    op.drop_column('decisions', 'policy_digest')
    op.drop_column('decisions', 'policy')
    op.drop_column('clock_events', 'is_public')
    op.drop_column('clock_events', 'detail')
    op.drop_column('clock_events', 'made_by')
    op.drop_column('clock_events', 'note')
    op.drop_column('clock_events', 'until')
    op.drop_column('clock_events', 'value')
    op.drop_index(op.f('ix_notices_step_id'), table_name='notices')
    op.drop_index(op.f('ix_notices_request_id'), table_name='notices')
    op.drop_table('notices')
    op.drop_index(op.f('ix_stated_facts_request_id'), table_name='stated_facts')
    op.drop_table('stated_facts')
    op.drop_index(op.f('ix_escalation_steps_request_id'), table_name='escalation_steps')
    op.drop_table('escalation_steps')
    op.drop_index(op.f('ix_callbacks_request_id'), table_name='callbacks')
    op.drop_table('callbacks')
    op.drop_index(op.f('ix_contracts_account_id'), table_name='contracts')
    op.drop_table('contracts')
    op.drop_table('account_facts')
