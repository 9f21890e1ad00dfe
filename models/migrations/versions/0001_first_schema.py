"""First schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accounts',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=True),
    sa.Column('policy', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts')),
    sa.UniqueConstraint('name', name=op.f('uq_accounts_name')),
    sa.UniqueConstraint('number', name=op.f('uq_accounts_number'))
    )
    op.create_table('api_tokens',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('role', sa.Enum('viewer', 'engineer', 'lead', 'admin', name='role', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_tokens_digest')),
    sa.UniqueConstraint('name', name=op.f('uq_api_tokens_name'))
    )
    op.create_table('artefacts',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('sklearn_version', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.Text(), nullable=False),
    sa.Column('metrics', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Enum('candidate', 'running', 'retired', name='artefactstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('promoted_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_artefacts'))
    )
    op.create_index('uq_artefacts_running', 'artefacts', ['state'], unique=True, postgresql_where=sa.text("state = 'running'"))
    op.create_table('engineers',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('login', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('role', sa.Enum('viewer', 'engineer', 'lead', 'admin', name='role', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_engineers'))
    )
    op.create_index('uq_engineers_login', 'engineers', [sa.literal_column('lower(login)')], unique=True)
    op.create_table('jobs',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('kind', sa.Enum('mail.process', 'mail.send', 'request.suggest', 'recording.fetch', name='jobkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('subject', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'done', 'parked', name='jobstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('run_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('excused', sa.Integer(), nullable=False),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs')),
    sa.UniqueConstraint('kind', 'subject', name=op.f('uq_jobs_kind_subject'))
    )
    op.create_index('ix_jobs_waiting', 'jobs', ['run_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('reply_windows',
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('sender', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('policy', 'sender', name=op.f('pk_reply_windows'))
    )
    op.create_table('account_domains',
    sa.Column('domain', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_account_domains_account_id_accounts')),
    sa.PrimaryKeyConstraint('domain', name=op.f('pk_account_domains'))
    )
    op.create_index(op.f('ix_account_domains_account_id'), 'account_domains', ['account_id'], unique=False)
    op.create_table('contacts',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_contacts_account_id_accounts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contacts'))
    )
    op.create_index(op.f('ix_contacts_account_id'), 'contacts', ['account_id'], unique=False)
    op.create_table('sign_ins',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('engineer_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['engineer_id'], ['engineers.id'], name=op.f('fk_sign_ins_engineer_id_engineers')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sign_ins'))
    )
    op.create_index(op.f('ix_sign_ins_engineer_id'), 'sign_ins', ['engineer_id'], unique=False)
    op.create_table('contact_keys',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('kind', sa.Enum('address', 'number', name='partykind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_contact_keys_contact_id_contacts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_keys')),
    sa.UniqueConstraint('kind', 'value', name=op.f('uq_contact_keys_kind_value'))
    )
    op.create_index(op.f('ix_contact_keys_contact_id'), 'contact_keys', ['contact_id'], unique=False)
    op.create_table('requests',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('number', sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
    sa.Column('channel', sa.Enum('email', 'phone', 'portal', 'api', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('to_confirm', 'decided', name='triagestate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('contact_id', sa.Uuid(), nullable=True),
    sa.Column('party', sa.Text(), nullable=True),
    sa.Column('party_name', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('clock_started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_type', sa.Text(), nullable=True),
    sa.Column('decided_priority', sa.Text(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_requests_account_id_accounts')),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_requests_contact_id_contacts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_requests')),
    sa.UniqueConstraint('number', name=op.f('uq_requests_number'))
    )
    op.create_index(op.f('ix_requests_account_id'), 'requests', ['account_id'], unique=False)
    op.create_index(op.f('ix_requests_contact_id'), 'requests', ['contact_id'], unique=False)
    op.create_index('ix_requests_state_id', 'requests', ['state', 'id'], unique=False)
    op.create_table('calls',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('call_sid', sa.Text(), nullable=False),
    sa.Column('account_sid', sa.Text(), nullable=False),
    sa.Column('from_number', sa.Text(), nullable=False),
    sa.Column('to_number', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('misses', sa.Integer(), nullable=False),
    sa.Column('answers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('duration_seconds', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_calls_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls')),
    sa.UniqueConstraint('call_sid', name=op.f('uq_calls_call_sid'))
    )
    op.create_index(op.f('ix_calls_request_id'), 'calls', ['request_id'], unique=False)
    op.create_table('clock_events',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('event', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_clock_events_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clock_events')),
    sa.UniqueConstraint('request_id', 'event', 'source', name=op.f('uq_clock_events_request_id_event_source'))
    )
    op.create_index(op.f('ix_clock_events_request_id'), 'clock_events', ['request_id'], unique=False)
    op.create_table('interactions',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'phone', 'portal', 'api', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('party', sa.Text(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('new_text', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_interactions_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interactions')),
    sa.UniqueConstraint('source', name=op.f('uq_interactions_source'))
    )
    op.create_index(op.f('ix_interactions_request_id'), 'interactions', ['request_id'], unique=False)
    op.create_table('mails',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('mail_from', sa.Text(), nullable=False),
    sa.Column('rcpt_to', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('peer', sa.Text(), nullable=False),
    sa.Column('helo', sa.Text(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('raw', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('received', 'processed', 'unparsed', name='mailstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('message_id', sa.Text(), nullable=True),
    sa.Column('parsed', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('request_id', sa.Uuid(), nullable=True),
    sa.Column('suppression', sa.Text(), nullable=True),
    sa.Column('suppression_evidence', sa.Text(), nullable=True),
    sa.Column('suppression_clause', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_mails_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mails')),
    sa.UniqueConstraint('digest', name=op.f('uq_mails_digest'))
    )
    op.create_index(op.f('ix_mails_message_id'), 'mails', ['message_id'], unique=False)
    op.create_index(op.f('ix_mails_request_id'), 'mails', ['request_id'], unique=False)
    op.create_table('suggestions',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('policy_digest', sa.Text(), nullable=False),
    sa.Column('artefact', sa.Text(), nullable=True),
    sa.Column('type', sa.Text(), nullable=True),
    sa.Column('priority', sa.Text(), nullable=True),
    sa.Column('priority_probability', sa.Double(), nullable=True),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_suggestions_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suggestions')),
    sa.UniqueConstraint('request_id', 'cause', name=op.f('uq_suggestions_request_id_cause'))
    )
    op.create_index(op.f('ix_suggestions_request_id'), 'suggestions', ['request_id'], unique=False)
    op.create_table('call_events',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('params', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['call_id'], ['calls.id'], name=op.f('fk_call_events_call_id_calls')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_events')),
    sa.UniqueConstraint('key', name=op.f('uq_call_events_key'))
    )
    op.create_index(op.f('ix_call_events_call_id'), 'call_events', ['call_id'], unique=False)
    op.create_table('decisions',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('verdict', sa.Enum('confirmed', 'corrected', 'undone', name='verdict', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('type', sa.Text(), nullable=True),
    sa.Column('priority', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('suggestion_id', sa.Uuid(), nullable=True),
    sa.Column('decided_by', sa.Text(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_decisions_request_id_requests')),
    sa.ForeignKeyConstraint(['suggestion_id'], ['suggestions.id'], name=op.f('fk_decisions_suggestion_id_suggestions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decisions')),
    sa.UniqueConstraint('request_id', 'version', name=op.f('uq_decisions_request_id_version'))
    )
    op.create_index(op.f('ix_decisions_request_id'), 'decisions', ['request_id'], unique=False)
    op.create_table('outgoing_mails',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('mail_id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('message_id', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.Enum('pending', 'sending', 'sent', 'captured', 'failed', 'uncertain', 'dropped', name='outgoingstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['mail_id'], ['mails.id'], name=op.f('fk_outgoing_mails_mail_id_mails')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_outgoing_mails_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outgoing_mails')),
    sa.UniqueConstraint('mail_id', name=op.f('uq_outgoing_mails_mail_id'))
    )
    op.create_index(op.f('ix_outgoing_mails_message_id'), 'outgoing_mails', ['message_id'], unique=False)
    op.create_index(op.f('ix_outgoing_mails_request_id'), 'outgoing_mails', ['request_id'], unique=False)
    op.create_table('recordings',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('recording_sid', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('duration_seconds', sa.Integer(), nullable=True),
    sa.Column('transcript', sa.Text(), nullable=True),
    sa.Column('transcript_status', sa.Text(), nullable=True),
    sa.Column('media', sa.LargeBinary(), nullable=True),
    sa.Column('media_type', sa.Text(), nullable=True),
    sa.Column('fetched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['call_id'], ['calls.id'], name=op.f('fk_recordings_call_id_calls')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recordings')),
    sa.UniqueConstraint('recording_sid', name=op.f('uq_recordings_recording_sid'))
    )
    op.create_index(op.f('ix_recordings_call_id'), 'recordings', ['call_id'], unique=False)
    # Raw mail and media are stored out of line, uncompressed: compressing them costs more than it saves.
    op.execute("alter table mails alter column raw set storage external")
    op.execute("alter table recordings alter column media set storage external")


def downgrade() -> None:
    op.drop_index(op.f('ix_recordings_call_id'), table_name='recordings')
    op.drop_table('recordings')
    op.drop_index(op.f('ix_outgoing_mails_request_id'), table_name='outgoing_mails')
    op.drop_index(op.f('ix_outgoing_mails_message_id'), table_name='outgoing_mails')
    op.drop_table('outgoing_mails')
    op.drop_index(op.f('ix_decisions_request_id'), table_name='decisions')
    op.drop_table('decisions')
    op.drop_index(op.f('ix_call_events_call_id'), table_name='call_events')
    op.drop_table('call_events')
    op.drop_index(op.f('ix_suggestions_request_id'), table_name='suggestions')
    op.drop_table('suggestions')
    op.drop_index(op.f('ix_mails_request_id'), table_name='mails')
    op.drop_index(op.f('ix_mails_message_id'), table_name='mails')
    op.drop_table('mails')
    op.drop_index(op.f('ix_interactions_request_id'), table_name='interactions')
    op.drop_table('interactions')
    op.drop_index(op.f('ix_clock_events_request_id'), table_name='clock_events')
    op.drop_table('clock_events')
    op.drop_index(op.f('ix_calls_request_id'), table_name='calls')
    op.drop_table('calls')
    op.drop_index('ix_requests_state_id', table_name='requests')
    op.drop_index(op.f('ix_requests_contact_id'), table_name='requests')
    op.drop_index(op.f('ix_requests_account_id'), table_name='requests')
    op.drop_table('requests')
    op.drop_index(op.f('ix_contact_keys_contact_id'), table_name='contact_keys')
    op.drop_table('contact_keys')
    op.drop_index(op.f('ix_sign_ins_engineer_id'), table_name='sign_ins')
    op.drop_table('sign_ins')
    op.drop_index(op.f('ix_contacts_account_id'), table_name='contacts')
    op.drop_table('contacts')
    op.drop_index(op.f('ix_account_domains_account_id'), table_name='account_domains')
    op.drop_table('account_domains')
    op.drop_table('reply_windows')
    op.drop_index('ix_jobs_waiting', table_name='jobs', postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table('jobs')
    op.drop_index('uq_engineers_login', table_name='engineers')
    op.drop_table('engineers')
    op.drop_index('uq_artefacts_running', table_name='artefacts', postgresql_where=sa.text("state = 'running'"))
    op.drop_table('artefacts')
    op.drop_table('api_tokens')
    op.drop_table('accounts')
