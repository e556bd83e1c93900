-- Accounting, evidence and change: what was spent, what was done, what is being tried.

create table model_calls (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    turn_id uuid,
    task text not null,
    provider text not null,
    model text not null,
    prompt_version text not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cache_read_tokens bigint not null,
    cache_write_tokens bigint not null,
    cost_microusd bigint not null check (cost_microusd >= 0),
    latency_ms int not null,
    outcome text not null,
    error text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete set null (turn_id)
);
create index model_calls_turn on model_calls (turn_id);
create index model_calls_day on model_calls (tenant_id, created_at);
comment on table model_calls is 'Every call to a model, failed ones too. Cost in micro-dollars.';

create table events (
    id bigint generated always as identity primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    actor text not null,
    conversation_id uuid,
    turn_id uuid,
    message_id uuid,
    data jsonb not null default '{}'
);
create index events_tenant on events (tenant_id, id);
create index events_conversation on events (conversation_id, id);
comment on table events is 'Append-only: every action, who or what did it, and to what. Complete without Langfuse (P9).';

create table system_events (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    data jsonb not null default '{}'
);
comment on table system_events is
    'Append-only: what happened outside any tenant, such as a message to an unknown number. The application may only insert.';

create table answer_cache (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    key text not null,
    language text not null,
    answer jsonb not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    unique (tenant_id, language, key)
);
comment on table answer_cache is 'Answers without personal context, reusable while the facts behind them stand.';

create table budgets (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    scope text not null check (scope in ('message', 'contact_day', 'tenant_day', 'tenant_month')),
    soft_microusd bigint not null check (soft_microusd >= 0),
    hard_microusd bigint not null check (hard_microusd >= soft_microusd),
    unique (tenant_id, scope)
);
comment on table budgets is 'Limits of model spend, in micro-dollars: soft steps down, hard hands to staff.';

create table eval_items (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    kind text not null check (kind in ('classification', 'guardrail', 'reply')),
    input jsonb not null,
    expected jsonb not null,
    origin text not null,
    created_at timestamptz not null default now()
);
create index eval_items_tenant on eval_items (tenant_id, kind);
comment on table eval_items is 'Labelled cases a version is measured on.';

create table eval_runs (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    version text not null,
    figures jsonb not null,
    started_at timestamptz not null,
    finished_at timestamptz
);
create index eval_runs_tenant on eval_runs (tenant_id, started_at);
comment on table eval_runs is 'One measurement of one version.';

create table rollouts (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    version text not null,
    state text not null check (state in ('canary', 'holding', 'promoted', 'rolled_back')),
    share_percent int not null check (share_percent between 0 and 100),
    criteria jsonb not null,
    started_at timestamptz not null,
    ended_at timestamptz
);
create unique index rollouts_one_open on rollouts (tenant_id) where state in ('canary', 'holding');
comment on table rollouts is 'A version''s way to everybody, with criteria fixed beforehand.';

create table ticks (
    key text primary key,
    at timestamptz not null default clock_timestamp()
);
comment on table ticks is 'Schedules that have fired, by name and due time: a tick happens once, whoever leads. No tenant''s data.';

call isolate_by_tenant(array['model_calls', 'events', 'answer_cache', 'budgets', 'eval_items', 'eval_runs', 'rollouts']);
revoke update, delete on events, model_calls from nightshift_app;

alter table system_events enable row level security;
alter table system_events force row level security;
create policy insert_only on system_events for insert to nightshift_app with check (true);
grant insert on system_events to nightshift_app;

alter table ticks enable row level security;
alter table ticks force row level security;
create policy ticks_everyone on ticks to nightshift_app using (true) with check (true);
grant select, insert, delete on ticks to nightshift_app;
