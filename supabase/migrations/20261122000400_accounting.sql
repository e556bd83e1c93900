-- What models cost (promise P8): who asked, towards which limits it counts, and work that goes through batches.

alter table model_calls
    add column tier text not null default 'standard' check (tier in ('fast', 'standard', 'expert')),
    add column attempt int not null default 1 check (attempt >= 1),
    add column batch boolean not null default false,
    add column cache_write_5m_tokens bigint not null default 0;
comment on column model_calls.attempt is 'Counts the requests made for one answer, failed ones too.';
comment on column model_calls.cache_write_5m_tokens is 'Part of `cache_write_tokens`: written for five minutes, the rest for an hour.';

-- Budgets are part of the tenant file, so of `tenants.profile`; a table of their own would be a second truth.
drop table budgets;

create table spending (
    subject uuid not null,
    scope text not null check (scope in ('message', 'contact_day', 'tenant_day', 'tenant_month')),
    starts_on date not null,
    tenant_id uuid not null references tenants (id) on delete cascade,
    cost_microusd bigint not null check (cost_microusd >= 0),
    soft_at timestamptz,
    hard_at timestamptz,
    primary key (subject, scope, starts_on, tenant_id)
);
create index spending_old on spending (tenant_id, starts_on) where scope in ('message', 'contact_day');
comment on table spending is
    '`model_calls` added up by what a budget bounds, in the same transaction. `subject` is the turn, the contact or the '
    'tenant; `starts_on` the first day of the period, in the tenant''s time zone. `soft_at`, `hard_at`: when a limit was '
    'reached and told, once.';

-- Life of a batch's `state`:
--   pending     its requests wait to be handed over; the next `round` begins when it is
--   submitting  we are handing it over, since `submitting_since`. Found like this after a crash, nobody knows whether the
--               provider has it: it is looked for there, by the ids of its requests, before it is handed over again
--   submitted   the provider has it, as `provider_batch_id`
--   done        every item has ended, well or not        failed   it cannot be handed over; `error` says why
-- A worker that takes a step holds the claim until `claimed_until`; the next step is due at `due_at`.
create table model_batches (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    key text not null,
    task text not null,
    tier text not null check (tier in ('fast', 'standard', 'expert')),
    model text not null,
    prompt_version text not null,
    params jsonb not null,
    state text not null default 'pending' check (state in ('pending', 'submitting', 'submitted', 'done', 'failed')),
    round int not null default 0,
    provider_batch_id text,
    submitting_since timestamptz,
    due_at timestamptz not null default clock_timestamp(),
    claim_token uuid,
    claimed_until timestamptz,
    error text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    unique (id, tenant_id),
    unique (tenant_id, key),
    check ((state = 'submitting') = (submitting_since is not null)),
    check (state <> 'submitted' or provider_batch_id is not null),
    check ((state in ('done', 'failed')) = (ended_at is not null))
);
create index model_batches_due on model_batches (due_at) where state in ('pending', 'submitting', 'submitted');
comment on table model_batches is
    'Requests to a model that can wait, handed over together at half price. `key` names the work: it is not begun twice. '
    '`params` is what all its requests share.';

create table model_batch_items (
    batch_id uuid not null,
    place int not null check (place >= 0),
    tenant_id uuid not null references tenants (id) on delete cascade,
    prompt text not null,
    user_id text,
    state text not null default 'pending' check (state in ('pending', 'submitted', 'succeeded', 'failed')),
    round int not null default 0,
    answer jsonb,
    error text not null default '',
    primary key (batch_id, place),
    check ((state = 'succeeded') = (answer is not null)),
    foreign key (tenant_id, batch_id) references model_batches (tenant_id, id) on delete cascade
);
comment on table model_batch_items is
    'One request of a batch and its answer. `round` is the last in which it was handed over; one that went wrong for no '
    'fault of its own is pending again.';

call isolate_by_tenant(array['spending', 'model_batches', 'model_batch_items']);

create policy router_reads on model_batches for select to nightshift_router using (true);
grant select (id, tenant_id, state, due_at, claimed_until) on model_batches to nightshift_router;

create function due_batches(p_limit int) returns table (due_tenant_id uuid, due_id uuid)
    language sql stable security definer set search_path = ''
as $$
    select tenant_id, id from public.model_batches
    where state in ('pending', 'submitting', 'submitted') and due_at <= clock_timestamp()
      and (claimed_until is null or claimed_until <= clock_timestamp())
    order by due_at limit p_limit
$$;
comment on function due_batches is 'Batches whose next step is due and which nobody works on; the caller defers each.';

do $$
begin
    grant create on schema public to nightshift_router;
    alter function due_batches(int) owner to nightshift_router;
    revoke create on schema public from nightshift_router;
end
$$;
revoke execute on function due_batches(int) from public;
grant execute on function due_batches(int) to nightshift_app;
