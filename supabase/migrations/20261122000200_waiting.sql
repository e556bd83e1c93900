-- Everything down (promise P6): turns that wait for a model, the outage they wait for, and what operators see of it.
--
-- A conversation's `turn_state` has one more value:
--   waiting  a turn that only a model can answer, while none does. Not due at any time: a worker whose probe succeeds
--            puts it back to `queued`, by priority and age, and no faster than the models prove to bear (`at_once`).
--            A message that arrives meanwhile puts it back at once: an opt-out, a complaint or the wish for a person
--            needs no model.
-- `waiting_since`, `wait_until` and `priority` stay until the turn has ended, however often it is tried in between.
alter table conversations drop constraint conversations_turn_state_check;
alter table conversations
    add constraint conversations_turn_state_check check (turn_state in ('idle', 'queued', 'running', 'waiting')),
    add column waiting_since timestamptz,
    add column wait_until timestamptz,
    add column priority smallint check (priority between 0 and 9),
    add column is_resumed boolean not null default false,
    add check (turn_state <> 'waiting' or (waiting_since is not null and wait_until is not null and priority is not null));
create index conversations_waiting on conversations (priority, waiting_since) where turn_state = 'waiting';
create index conversations_wait_until on conversations (wait_until) where turn_state = 'waiting';
create index conversations_resumed on conversations (id) where is_resumed;
comment on column conversations.priority is 'Who is answered first after an outage: 0 before 9.';
comment on column conversations.wait_until is 'From then on a turn that still finds no model goes to a person.';
comment on column conversations.is_resumed is 'Taken out of the wait and not yet tried to the end: counts against `outages.at_once`.';

create table outages (
    id uuid primary key,
    reason text not null,
    started_at timestamptz not null default clock_timestamp(),
    recovering_at timestamptz,
    at_once int not null default 1 check (at_once between 1 and 1000),
    ended_at timestamptz,
    check (ended_at is null or recovering_at is not null)
);
create unique index outages_one_open on outages ((ended_at is null)) where ended_at is null;
create index outages_ended on outages (ended_at);
comment on table outages is
    'When no model answered, over all workers and tenants. `recovering_at`: a probe has succeeded; then waiting turns are '
    'resumed, at most `at_once` at a time, one more for each that is answered, half as many for each that is not. '
    'It ends when none is left. No tenant''s data.';

create table holding_lines (
    message_id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    outage_id uuid not null,
    unique (conversation_id, outage_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
comment on table holding_lines is 'The line a prospect gets in an outage. That it is unique is the promise: never two.';
call isolate_by_tenant(array['holding_lines']);

create table model_health (
    worker text not null,
    provider text not null,
    model text not null,
    state text not null check (state in ('closed', 'half_open', 'open', 'capped')),
    since timestamptz not null,
    error text not null default '',
    updated_at timestamptz not null default clock_timestamp(),
    primary key (worker, provider, model)
);
comment on table model_health is 'What each worker knows of each circuit, a few seconds old at most. No tenant''s data.';

create table metric_totals (
    sample text not null,
    labels jsonb not null,
    value double precision not null,
    primary key (sample, labels)
);
comment on table metric_totals is
    'Counters of all workers, added up: what `GET /metrics` shows. Labels name no tenant. No tenant''s data.';

do $$
declare t text;
begin
    foreach t in array array['outages', 'model_health', 'metric_totals'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy everyone on %I to nightshift_app using (true) with check (true)', t);
        execute format('grant select, insert, update on %I to nightshift_app', t);
    end loop;
end
$$;
grant delete on model_health to nightshift_app;

-- What nightshift_router may see and change beyond what it could.
create policy router_reads on outages for select to nightshift_router using (true);
create policy router_ends on outages for update to nightshift_router using (true) with check (true);
grant select, update (recovering_at, ended_at) on outages to nightshift_router;
grant select (waiting_since, wait_until, priority, is_resumed) on conversations to nightshift_router;
grant update (is_resumed) on conversations to nightshift_router;

-- The outage to wait for: the open one, or the last one again if it ended within `p_same_within_s`, so that models which
-- come and go are one outage and a prospect gets one line. The row stays locked against its end: who waits for it is seen.
create function open_outage(p_id uuid, p_reason text, p_same_within_s double precision) returns uuid
    language plpgsql set search_path = ''
as $$
declare outage uuid;
begin
    for attempt in 1..3 loop
        select id into outage from public.outages where ended_at is null for share;
        exit when outage is not null;
        update public.outages set ended_at = null, recovering_at = null, at_once = 1
            where ended_at > clock_timestamp() - p_same_within_s * interval '1 s'
              and id = (select id from public.outages order by ended_at desc limit 1)
            returning id into outage;
        exit when outage is not null;
        insert into public.outages (id, reason) values (p_id, p_reason)
            on conflict do nothing returning id into outage;
        exit when outage is not null;  -- else somebody else was first
    end loop;
    return outage;
end
$$;
comment on function open_outage is 'Which outage a turn waits for; begins one where there is none.';

create function resume_waiting() returns table (resumed_tenant_id uuid, resumed_id uuid)
    language plpgsql security definer set search_path = ''
as $$
declare
    allowed int;
    under_way int;
begin
    -- The lock of this row: one worker at a time hands out, so that together they keep to `at_once`.
    update public.outages set recovering_at = coalesce(recovering_at, clock_timestamp())
        where ended_at is null returning at_once into allowed;
    if allowed is null then
        return;
    end if;
    select count(*) into under_way from public.conversations where is_resumed;
    return query
        update public.conversations set turn_state = 'queued', wake_at = clock_timestamp(), is_resumed = true
        where id in (select id from public.conversations where turn_state = 'waiting'
                     order by priority, waiting_since
                     limit greatest(allowed - under_way, 0) for update skip locked)
        returning tenant_id, id;
    if not found and under_way = 0
            and not exists (select from public.conversations where turn_state = 'waiting') then
        update public.outages set ended_at = clock_timestamp() where ended_at is null;
    end if;
end
$$;
comment on function resume_waiting is
    'For a worker that reaches a model: put as many waiting turns back as may run at once, and end the outage when none is '
    'left. The caller wakes each.';

create function resume_overdue(p_limit int) returns table (overdue_tenant_id uuid, overdue_id uuid)
    language sql security definer set search_path = ''
as $$
    update public.conversations set turn_state = 'queued', wake_at = clock_timestamp()
    where id in (select id from public.conversations where turn_state = 'waiting' and wait_until <= clock_timestamp()
                 order by wait_until limit p_limit for update skip locked)
    returning tenant_id, id
$$;
comment on function resume_overdue is 'Put turns back that have waited as long as their tenant allows. The caller wakes each.';

create function waiting_turns() returns table (priority smallint, turns bigint, oldest_since timestamptz)
    language sql stable security definer set search_path = ''
as $$
    select priority, count(*), min(waiting_since) from public.conversations where turn_state = 'waiting'
    group by priority order by priority
$$;
comment on function waiting_turns is 'Turns that wait for a model, over all tenants, for operators.';

do $$
declare f regprocedure;
begin
    grant create on schema public to nightshift_router;
    foreach f in array array['resume_waiting()', 'resume_overdue(int)', 'waiting_turns()']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
    revoke create on schema public from nightshift_router;
end
$$;
revoke execute on function open_outage from public;
grant execute on function open_outage to nightshift_app;

-- A turn whose worker died is no longer one the ramp waits for: it must not hold up the others.
create or replace function sweep_conversations(p_overdue_s double precision, p_limit int)
    returns table (swept_tenant_id uuid, swept_id uuid)
    language sql security definer set search_path = ''
as $$
    update public.conversations set wake_at = clock_timestamp(), turn_state = 'queued', lease_token = null,
        lease_until = null, is_resumed = is_resumed and turn_state = 'queued'
    where id in (
        select id from public.conversations
        where (turn_state = 'queued' and wake_at < clock_timestamp() - p_overdue_s * interval '1 s')
           or (turn_state = 'running' and lease_until < clock_timestamp())
        limit p_limit for update skip locked)
    returning tenant_id, id
$$;

-- As before; a message also puts a turn that waits for a model back into the queue.
create or replace function receive_inbound(
    p_channel text, p_provider text, p_recipient text,
    p_kind text, p_sender text, p_normalised text, p_sender_name text,
    p_message_id uuid, p_provider_id text, p_body text, p_subject text, p_media jsonb, p_raw jsonb,
    p_automatic boolean, p_opt_out_handled boolean, p_references text[],
    p_contact_id uuid, p_point_id uuid, p_conversation_id uuid, p_received_at timestamptz,
    out outcome text, out tenant_id uuid, out conversation_id uuid
) language plpgsql as $$
declare
    account record;
    settings record;
    point record;
    state text;  -- stays null for a new conversation, which begins as its first message makes it
begin
    select * into account from find_channel_account(p_channel, p_recipient);
    if account.account_id is null or account.account_provider <> p_provider then
        outcome := 'unknown_recipient';
        return;
    end if;
    tenant_id := account.account_tenant_id;
    perform set_config('nightshift.tenant_id', tenant_id::text, true);
    select t.quiet_s, t.max_wait_s into settings from tenants t where t.id = receive_inbound.tenant_id;

    select c.id, c.contact_id into point from contact_points c
        where c.tenant_id = receive_inbound.tenant_id and c.kind = p_kind and c.normalised = p_normalised;
    if point.id is null then
        insert into contacts (id, tenant_id, name) values (p_contact_id, tenant_id, p_sender_name);
        insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
            values (p_point_id, tenant_id, p_contact_id, p_kind, p_sender, p_normalised)
            on conflict do nothing returning id, contact_id into point;
        if point.id is null then  -- somebody else was first: theirs is the contact
            delete from contacts c where c.id = p_contact_id;
            select c.id, c.contact_id into point from contact_points c
                where c.tenant_id = receive_inbound.tenant_id and c.kind = p_kind and c.normalised = p_normalised;
        end if;
    end if;

    select c.id, c.turn_state into conversation_id, state from conversations c
        where c.channel_account_id = account.account_id and c.contact_point_id = point.id for update;
    if conversation_id is null then
        insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id,
                                   turn_state, last_inbound_at, first_unread_at, wake_at)
            values (p_conversation_id, tenant_id, point.contact_id, point.id, account.account_id,
                    'queued', p_received_at, clock_timestamp(), clock_timestamp() + settings.quiet_s * interval '1 s')
            on conflict (channel_account_id, contact_point_id) do nothing returning id into conversation_id;
        if conversation_id is null then  -- somebody else was first
            select c.id, c.turn_state into conversation_id, state from conversations c
                where c.channel_account_id = account.account_id and c.contact_point_id = point.id for update;
        end if;
    end if;

    insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, provider_id, body,
                          subject, media, raw, automatic, provider_handled_opt_out, thread_references, created_at)
        values (p_message_id, tenant_id, conversation_id, account.account_id, 'inbound', 'contact', p_provider_id, p_body,
                p_subject, p_media, p_raw, p_automatic, p_opt_out_handled, p_references, p_received_at)
        on conflict do nothing;  -- the same provider id in the same conversation
    if not found then
        outcome := 'duplicate';
        return;
    end if;

    if state is not null then
        update conversations c set
            last_inbound_at = greatest(c.last_inbound_at, p_received_at),
            first_unread_at = coalesce(c.first_unread_at, clock_timestamp()),
            wake_at = case
                when c.turn_state = 'queued' and c.attempt > 0 then c.wake_at  -- backing off
                else least(coalesce(c.first_unread_at, clock_timestamp()) + settings.max_wait_s * interval '1 s',
                           clock_timestamp() + settings.quiet_s * interval '1 s') end,
            turn_state = case when c.turn_state in ('idle', 'waiting') then 'queued' else c.turn_state end
            where c.id = conversation_id;
    end if;
    if state is null or state in ('idle', 'waiting') then
        perform defer_job('turn', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id),
                          settings.quiet_s);
    end if;
    insert into events (tenant_id, kind, actor, conversation_id, message_id, data)
        values (tenant_id, 'message.received', 'contact', conversation_id, p_message_id,
                jsonb_build_object('channel', p_channel, 'provider_id', p_provider_id));
    outcome := 'stored';
end
$$;
