-- How messages leave: no faster than their sender may send, and what is done about those that were not delivered.
--
-- Code that knows nothing of the new columns works on: it sends as fast as it can, and their defaults say that nothing
-- is known against any address.

alter table channel_accounts
    add column messages_per_second double precision check (messages_per_second > 0),
    add column segment_microusd int check (segment_microusd >= 0),
    add column busy_until timestamptz,
    add column trouble text not null default '';
comment on column channel_accounts.messages_per_second is 'What the tenant file says; null: as usual for such a number.';
comment on column channel_accounts.segment_microusd is 'Price of one part of an SMS, as the tenant file says; null: not known.';
comment on column channel_accounts.busy_until is
    'Until then its rate is used up, or the provider takes nothing from it: the one clock that all workers share.';
comment on column channel_accounts.trouble is 'Why the provider refuses it; empty: it does not. Cleared by what it takes next.';

alter table contact_points
    add column unusable_at timestamptz,
    add column unusable_reason text not null default '',
    add check ((unusable_at is null) = (unusable_reason = ''));
comment on column contact_points.unusable_at is 'Since when nothing can be delivered there. Cleared when they write from it.';

alter table messages
    add column segments smallint check (segments > 0),
    add column carriage_microusd bigint check (carriage_microusd >= 0),
    add column slot_at timestamptz,
    add column retry_of uuid,
    add foreign key (tenant_id, retry_of) references messages (tenant_id, id) on delete set null (retry_of);
comment on column messages.segments is 'Outbound SMS: parts it is billed and carried as.';
comment on column messages.carriage_microusd is 'What those parts cost, at the price of when it was written; null: not known.';
comment on column messages.slot_at is 'Pending: when its sender is expected to be free for it; null: it has not had to wait.';
comment on column messages.retry_of is 'The message that was not delivered and that this one repeats, once.';
create unique index messages_retry_of on messages (retry_of) where retry_of is not null;
create index messages_slot on messages (channel_account_id, slot_at) where state = 'pending' and slot_at is not null;

alter table delivery_statuses
    add column provider_id text not null default '',
    add column effect text not null default 'moved' check (effect in ('moved', 'late', 'conflict')),
    drop constraint delivery_statuses_message_id_state_error_code_key,
    add unique (message_id, state, error_code, provider_id);
comment on column delivery_statuses.effect is
    'Whether it moved the message on, came late, or contradicts what was known (agent.projection).';

-- As before; what waits for its sender is not overdue.
grant select (slot_at) on messages to nightshift_router;
create or replace function due_outbox(p_now timestamptz, p_overdue_s double precision, p_limit int)
    returns table (due_tenant_id uuid, due_id uuid)
    language sql stable security definer set search_path = ''
as $$
    (select tenant_id, id from public.messages
     where state = 'pending' and not_before < p_now - p_overdue_s * interval '1 s'
       and (slot_at is null or slot_at < p_now - p_overdue_s * interval '1 s') order by not_before limit p_limit)
    union all
    (select tenant_id, id from public.messages
     where state = 'sending' and claimed_until < clock_timestamp() order by claimed_until limit p_limit)
$$;

grant select (id, trouble) on channel_accounts to nightshift_router;
grant select (channel_account_id) on messages to nightshift_router;
create function list_troubled_senders() returns table (channel text, address text, trouble text, waiting bigint)
    language sql stable security definer set search_path = ''
as $$
    select a.channel, a.address, a.trouble,
           (select count(*) from public.messages m where m.channel_account_id = a.id and m.state in ('pending', 'sending'))
    from public.channel_accounts a where a.trouble <> '' order by a.channel, a.address
$$;
comment on function list_troubled_senders is 'Over all tenants, for operators: senders that the provider refuses, and what waits.';

do $$
begin
    grant create on schema public to nightshift_router;
    alter function list_troubled_senders() owner to nightshift_router;
    revoke execute on function list_troubled_senders() from public;
    grant execute on function list_troubled_senders() to nightshift_app;
    revoke create on schema public from nightshift_router;
end
$$;
