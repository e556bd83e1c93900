-- The one transaction of an inbound message, and the few questions that cross tenants.

-- What nightshift_router may see, and no more: policies and column grants, no BYPASSRLS.
create policy router_reads on channel_accounts for select to nightshift_router using (true);
create policy router_reads on tenants for select to nightshift_router using (true);
create policy router_reads on messages for select to nightshift_router using (true);
create policy router_reads on conversations for select to nightshift_router using (true);
create policy router_wakes on conversations for update to nightshift_router using (true) with check (true);
grant select (id, tenant_id, channel, address, provider) on channel_accounts to nightshift_router;
grant select (id, slug, name) on tenants to nightshift_router;
grant select (id, tenant_id, state, claimed_until, not_before) on messages to nightshift_router;
grant select (id, tenant_id, turn_state, wake_at, lease_token, lease_until) on conversations to nightshift_router;
grant update (turn_state, wake_at, lease_token, lease_until) on conversations to nightshift_router;

create function find_channel_account(p_channel text, p_address text)
    returns table (account_id uuid, account_tenant_id uuid, account_provider text)
    language sql stable security definer set search_path = ''
as $$
    select a.id, a.tenant_id, a.provider from public.channel_accounts a
    where a.channel = p_channel and lower(a.address) = lower(p_address)
$$;
comment on function find_channel_account is 'Whose number or address this is: the only way from an address to a tenant.';

create function find_tenant_id(p_slug text) returns uuid
    language sql stable security definer set search_path = ''
as $$
    select t.id from public.tenants t where t.slug = p_slug
$$;

create function list_tenants() returns table (tenant_id uuid, tenant_slug text, tenant_name text)
    language sql stable security definer set search_path = ''
as $$
    select t.id, t.slug, t.name from public.tenants t order by t.slug
$$;
comment on function list_tenants is 'For the operator''s command line and the clock.';

create function renew_leases(p_tokens uuid[], p_lease_s double precision) returns setof uuid
    language sql security definer set search_path = ''
as $$
    -- A row locked by its own commit is skipped, not lost: the outer select still finds its token.
    with renewed as (
        update public.conversations set lease_until = clock_timestamp() + p_lease_s * interval '1 s'
        where id in (select id from public.conversations where lease_token = any(p_tokens)
                     and turn_state = 'running' for update skip locked)
    )
    select lease_token from public.conversations where lease_token = any(p_tokens)
$$;
comment on function renew_leases is 'Renew the leases of one process; returns the tokens it still holds.';

create function sweep_conversations(p_overdue_s double precision, p_limit int)
    returns table (swept_tenant_id uuid, swept_id uuid)
    language sql security definer set search_path = ''
as $$
    update public.conversations set wake_at = clock_timestamp(), turn_state = 'queued', lease_token = null, lease_until = null
    where id in (
        select id from public.conversations
        where (turn_state = 'queued' and wake_at < clock_timestamp() - p_overdue_s * interval '1 s')
           or (turn_state = 'running' and lease_until < clock_timestamp())
        limit p_limit for update skip locked)
    returning tenant_id, id
$$;
comment on function sweep_conversations is 'Take back what a lost queue job or a dead worker left; the caller wakes each.';

create function due_outbox(p_now timestamptz, p_overdue_s double precision, p_limit int)
    returns table (due_tenant_id uuid, due_id uuid)
    language sql stable security definer set search_path = ''
as $$
    (select tenant_id, id from public.messages
     where state = 'pending' and not_before < p_now - p_overdue_s * interval '1 s' order by not_before limit p_limit)
    union all
    (select tenant_id, id from public.messages
     where state = 'sending' and claimed_until < clock_timestamp() order by claimed_until limit p_limit)
$$;
comment on function due_outbox is 'Messages whose delivery job was lost, or whose claim has lapsed; the caller defers each again.';

create function backlog() returns table (queued bigint, running bigint, oldest_wake_at timestamptz, outbox bigint)
    language sql stable security definer set search_path = ''
as $$
    select (select count(*) from public.conversations where turn_state = 'queued'),
           (select count(*) from public.conversations where turn_state = 'running'),
           (select min(wake_at) from public.conversations where turn_state = 'queued'),
           (select count(*) from public.messages where state in ('pending', 'sending'))
$$;
comment on function backlog is 'Work in hand over all tenants, for operators.';

do $$
declare f regprocedure;
begin
    grant create on schema public to nightshift_router;
    foreach f in array array[
        'find_channel_account(text, text)', 'find_tenant_id(text)', 'list_tenants()',
        'renew_leases(uuid[], double precision)', 'sweep_conversations(double precision, int)',
        'due_outbox(timestamptz, double precision, int)', 'backlog()']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
    revoke create on schema public from nightshift_router;
end
$$;

-- The queue. What `jobs/queue.py` and `receive_inbound` defer, they defer here: in the caller's transaction, due by
-- the database's clock. The search path must name `jobs`, as procrastinate's own functions want.
create function defer_job(p_task text, p_arguments jsonb, p_delay_s double precision) returns void
    language sql
as $$
    select jobs.procrastinate_defer_jobs_v1(array[row(
        p_task, p_task, 0, null, null, p_arguments,
        case when p_delay_s > 0 then clock_timestamp() + p_delay_s * interval '1 s' end
    )]::jobs.procrastinate_job_to_defer_v1[])
$$;
comment on function defer_job is 'Put a task off to a worker by `p_delay_s` seconds.';
revoke execute on function defer_job from public;
grant execute on function defer_job to nightshift_app;

-- A delayed job is found by polling once it is due. Announcing it now would wake all workers for nothing, and commits
-- that announce something wait for one another: every webhook would.
drop trigger procrastinate_jobs_notify_queue_job_inserted_v1 on jobs.procrastinate_jobs;
create trigger procrastinate_jobs_notify_queue_job_inserted_v1
    after insert on jobs.procrastinate_jobs
    for each row when (new.status = 'todo' and new.scheduled_at is null)
    execute procedure jobs.procrastinate_notify_queue_job_inserted_v1();

-- Store one inbound message: route, dedupe, find or create contact and conversation, defer the turn. One statement,
-- one transaction: it commits before the provider gets its 2xx (P1).
-- Runs under the caller's role, so row level security applies from the moment the tenant is known. The
-- conversation is locked before the message is inserted: sequence numbers are then in commit order, and "unread" is exact.
create function receive_inbound(
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
            turn_state = case when c.turn_state = 'idle' then 'queued' else c.turn_state end
            where c.id = conversation_id;
    end if;
    if state is null or state = 'idle' then
        perform defer_job('turn', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id),
                          settings.quiet_s);
    end if;
    insert into events (tenant_id, kind, actor, conversation_id, message_id, data)
        values (tenant_id, 'message.received', 'contact', conversation_id, p_message_id,
                jsonb_build_object('channel', p_channel, 'provider_id', p_provider_id));
    outcome := 'stored';
end
$$;
grant execute on function receive_inbound to nightshift_app;
