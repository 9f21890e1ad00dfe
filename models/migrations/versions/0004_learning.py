"""learning."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('drift_reports',
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('at', name=op.f('pk_drift_reports'))
    )
    op.create_table('imported_requests',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=True),
    sa.Column('priority', sa.Text(), nullable=True),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imported_requests')),
    sa.UniqueConstraint('policy', 'key', name=op.f('uq_imported_requests_policy_key'))
    )
    op.create_table('retrainings',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('made_by', sa.Text(), nullable=False),
    sa.Column('artefact', sa.Text(), nullable=True),
    sa.Column('failed', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('outcome', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_retrainings'))
    )
    op.create_table('forgotten_requests',
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('forgotten_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('forgotten_by', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_forgotten_requests_request_id_requests'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('request_id', name=op.f('pk_forgotten_requests'))
    )
    op.create_table('shadow_scores',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('suggestion_id', sa.Uuid(), nullable=False),
    sa.Column('artefact', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=True),
    sa.Column('priority', sa.Text(), nullable=True),
    sa.Column('types', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('priorities', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('milliseconds', sa.Double(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('scored_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['artefact'], ['artefacts.id'], name=op.f('fk_shadow_scores_artefact_artefacts'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_shadow_scores_request_id_requests'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['suggestion_id'], ['suggestions.id'], name=op.f('fk_shadow_scores_suggestion_id_suggestions'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shadow_scores')),
    sa.UniqueConstraint('suggestion_id', 'artefact', name=op.f('uq_shadow_scores_suggestion_id_artefact'))
    )
    op.create_index('ix_forgotten_requests_forgotten_at', 'forgotten_requests', ['forgotten_at'], unique=False)
    op.create_index('ix_requests_decided_at', 'requests', ['decided_at'], unique=False, postgresql_where=sa.text('decided_at IS NOT NULL'))
    op.create_index('ix_shadow_scores_artefact', 'shadow_scores', ['artefact'], unique=False)
    op.create_index('ix_shadow_scores_request_id', 'shadow_scores', ['request_id'], unique=False)
    op.add_column('artefacts', sa.Column('basis', sa.Text(), server_default='', nullable=False))
    op.add_column('artefacts', sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False))
    op.add_column('artefacts', sa.Column('taught', postgresql.ARRAY(sa.Uuid()), server_default='{}', nullable=False))
    op.add_column('artefacts', sa.Column('profile', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False))
    op.add_column('artefacts', sa.Column('made_by', sa.Text(), server_default='', nullable=False))
    op.add_column('artefacts', sa.Column('refusal', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('artefacts', 'refusal')
    op.drop_column('artefacts', 'made_by')
    op.drop_column('artefacts', 'profile')
    op.drop_column('artefacts', 'taught')
    op.drop_column('artefacts', 'counts')
    op.drop_column('artefacts', 'basis')
    op.drop_index('ix_requests_decided_at', table_name='requests', postgresql_where=sa.text('decided_at IS NOT NULL'))
    op.drop_index('ix_shadow_scores_request_id', table_name='shadow_scores')
    op.drop_index('ix_shadow_scores_artefact', table_name='shadow_scores')
    op.drop_table('shadow_scores')
    op.drop_table('forgotten_requests')
    op.drop_table('retrainings')
    op.drop_table('imported_requests')
    op.drop_table('drift_reports')
