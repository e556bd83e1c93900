-- Contacts, conversations, messages, turns and what comes of them.
--
-- The conversation row is the lock (promises P1-P3). Life of a conversation's `turn_state`:
--   idle     nothing to do
--   queued   unread messages; a worker may begin at `wake_at` (debounce, or back-off after a failure)
--   running  a worker holds the lease `lease_token` until `lease_until`; whoever takes over an expired lease gets
--            a new token, which fences the old worker: its writes no longer match
-- An inbound message is unread while its `turn_id` is null. A queue job only wakes; losing it loses nothing.
--
-- Keys and indexes lead with what names few rows, not with the tenant: before it has statistics, the planner takes any
-- column for selective, and would read all rows of the tenant to find one.

create table contacts (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    name text,
    language text,
    timezone text,
    created_at timestamptz not null default now(),
    unique (id, tenant_id)
);
comment on table contacts is 'A prospect: one person, any number of addresses.';

create table contact_points (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    contact_id uuid not null,
    kind text not null check (kind in ('phone', 'whatsapp_user', 'email')),
    address text not null,
    normalised text not null,
    created_at timestamptz not null default now(),
    unique (id, tenant_id),
    unique (tenant_id, kind, normalised),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade
);
create index contact_points_contact on contact_points (contact_id);
comment on table contact_points is '`address` is what was received and is used for sending; `normalised` only for matching.';

create table conversations (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    contact_id uuid not null,
    contact_point_id uuid not null,
    channel_account_id uuid not null,
    owner text not null default 'agent' check (owner in ('agent', 'staff')),
    language text,
    language_posterior jsonb not null default '{}',
    last_inbound_at timestamptz,
    turn_state text not null default 'idle' check (turn_state in ('idle', 'queued', 'running')),
    wake_at timestamptz,
    first_unread_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    attempt int not null default 0,
    superseded_in_a_row int not null default 0,
    created_at timestamptz not null default now(),
    unique (id, tenant_id),
    unique (channel_account_id, contact_point_id),
    check ((turn_state = 'running') = (lease_token is not null and lease_until is not null)),
    check (turn_state <> 'queued' or wake_at is not null),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, contact_point_id) references contact_points (tenant_id, id) on delete cascade,
    foreign key (tenant_id, channel_account_id) references channel_accounts (tenant_id, id) on delete cascade
) with (fillfactor = 70);
create index conversations_due on conversations (wake_at) where turn_state = 'queued';
create index conversations_lease on conversations (lease_until) where turn_state = 'running';
create index conversations_token on conversations (lease_token) where turn_state = 'running';
create index conversations_contact on conversations (contact_id);
comment on table conversations is 'The thread of one contact on one channel account. This row is the lock of its turns.';

create table turns (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    state text not null check (state in ('running', 'done', 'superseded', 'failed')),
    first_seq bigint not null,
    last_seq bigint not null,
    trace_id text not null,
    attempts int not null default 1,
    steps jsonb not null default '{}',
    decision text check (decision in ('send', 'escalate', 'nothing')),
    reason text,
    error text,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    unique (id, tenant_id),
    check ((state = 'running') = (finished_at is null)),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create unique index turns_one_running on turns (conversation_id) where state = 'running';
create index turns_conversation on turns (conversation_id, created_at);
comment on table turns is
    'A burst of inbound messages and what we did about it, once. `steps` keeps each finished step: a retry resumes.';

create table messages (
    id uuid primary key,
    seq bigint generated always as identity,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    channel_account_id uuid not null,
    direction text not null check (direction in ('inbound', 'outbound')),
    author text not null check (author in ('contact', 'agent', 'staff', 'system')),
    provider_id text,
    body text not null,
    subject text,
    language text,
    media jsonb not null default '[]',
    automatic boolean not null default false,
    provider_handled_opt_out boolean not null default false,
    thread_references text[] not null default '{}',
    raw jsonb,
    turn_id uuid,
    created_at timestamptz not null,
    -- outbound only, from here on
    purpose text check (purpose in ('reply', 'opt_out_confirmation', 'opt_in_confirmation', 'help')),
    source text check (source in ('claude', 'local', 'rule')),
    state text check (state in ('pending', 'sending', 'queued', 'sent', 'delivered', 'read', 'failed', 'unknown', 'superseded')),
    draft jsonb,
    attempt int not null default 0,
    claim_token uuid,
    claimed_until timestamptz,
    not_before timestamptz,
    error_code text,
    error text,
    unique (id, tenant_id),
    check ((direction = 'outbound') = (state is not null and purpose is not null and source is not null)),
    check ((state = 'sending') = (claim_token is not null and claimed_until is not null) or direction = 'inbound'),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, channel_account_id) references channel_accounts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, turn_id) references turns (tenant_id, id)
);
create unique index messages_provider_id on messages (conversation_id, provider_id) where provider_id is not null;
create index messages_conversation on messages (conversation_id, seq);
create index messages_unread on messages (conversation_id, seq) where direction = 'inbound' and turn_id is null;
create index messages_turn on messages (turn_id) where turn_id is not null;
create index messages_pending on messages (not_before) where state = 'pending';
create index messages_sending on messages (claimed_until) where state = 'sending';
comment on table messages is
    'Everything said, either way. Outbound rows in state pending or sending are the outbox.';

create table deliveries (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    message_id uuid not null,
    attempt int not null,
    state text not null check (state in ('claimed', 'accepted', 'reconciled', 'failed', 'ambiguous')),
    provider_id text,
    error_code text,
    error text,
    claimed_at timestamptz not null,
    finished_at timestamptz,
    unique (message_id, attempt),
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
create index deliveries_tenant on deliveries (tenant_id, message_id);
comment on table deliveries is 'One hand-over of a message to a provider: claimed before the call, closed after it.';

create table delivery_statuses (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    message_id uuid not null,
    state text not null,
    error_code text not null default '',
    raw jsonb not null default '{}',
    received_at timestamptz not null,
    unique (message_id, state, error_code),
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
comment on table delivery_statuses is 'Append-only: what a provider reported later. `messages.state` is its monotonic projection.';

create table escalations (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    turn_id uuid,
    message_id uuid,
    reason text not null,
    detail text not null default '',
    draft text,
    verdicts jsonb not null default '[]',
    state text not null default 'open' check (state in ('open', 'resolved')),
    created_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz,
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete set null (turn_id),
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete set null (message_id)
);
create index escalations_open on escalations (tenant_id, created_at) where state = 'open';
create index escalations_conversation on escalations (conversation_id);
comment on table escalations is 'A request for a person, with the reason, the draft and the verdicts that led to it.';

create table suppressions (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    contact_id uuid not null,
    kind text not null check (kind in ('phone', 'whatsapp_user', 'email')),
    normalised text not null,
    reason text not null,
    evidence_message_id uuid,
    created_at timestamptz not null,
    lifted_at timestamptz,
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, evidence_message_id) references messages (tenant_id, id)
        on delete set null (evidence_message_id)
);
create unique index suppressions_active on suppressions (tenant_id, kind, normalised) where lifted_at is null;
create index suppressions_contact on suppressions (tenant_id, contact_id) where lifted_at is null;
comment on table suppressions is 'A standing "do not write" for a person, with its proof. Lifting keeps the row.';

create table simulated_messages (
    provider_id text primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    message_id uuid not null,
    body text not null,
    accepted_at timestamptz not null
);
create index simulated_messages_message on simulated_messages (tenant_id, message_id);
comment on table simulated_messages is 'What the simulator, as a stand-in provider, has accepted: its own message log.';

call isolate_by_tenant(array['contacts', 'contact_points', 'conversations', 'turns', 'messages', 'deliveries',
        'delivery_statuses', 'escalations', 'suppressions', 'simulated_messages']);
revoke update, delete on delivery_statuses from nightshift_app;
