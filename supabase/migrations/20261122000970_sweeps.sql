-- Up to when a provider has been asked for messages that no webhook brought, and since when a mailbox is ours to read.
--
-- Code that knows nothing of the new columns works on. What was written before this migration is history: nobody is
-- answered about it now.

alter table channel_accounts
    add column swept_until timestamptz not null default now(),
    add column sweep_problem text not null default '';
comment on column channel_accounts.swept_until is
    'The provider has been asked for everything written to it before; it begins when the account becomes ours.';
comment on column channel_accounts.sweep_problem is 'Why the provider could not be asked the last time; empty: it could.';

-- What has been found missing is looked up by the provider's id alone: its conversation is not known yet.
create index messages_inbound_provider_id on messages (channel_account_id, provider_id) where direction = 'inbound';

alter table mailboxes add column since timestamptz;
comment on column mailboxes.since is 'What arrived before is history, whatever number it gets; null: known for longer.';

grant select (swept_until, sweep_problem) on channel_accounts to nightshift_router;

create function list_sweeps(p_provider text)
    returns table (account_id uuid, tenant_id uuid, channel text, address text, swept_until timestamptz, problem text)
    language sql stable security definer set search_path = ''
as $$
    select a.id, a.tenant_id, a.channel, a.address, a.swept_until, a.sweep_problem
    from public.channel_accounts a where a.provider = p_provider order by a.swept_until, a.id
$$;
comment on function list_sweeps is 'All numbers of a provider, and how far each has been asked for: for the clock.';

do $$
begin
    grant create on schema public to nightshift_router;
    alter function list_sweeps(text) owner to nightshift_router;
    revoke execute on function list_sweeps(text) from public;
    grant execute on function list_sweeps(text) to nightshift_app;
    revoke create on schema public from nightshift_router;
end
$$;
