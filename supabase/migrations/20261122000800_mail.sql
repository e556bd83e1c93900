-- Mail: how far a sender is proven, why a person must read, originals, tokens that name threads, mailboxes read by IMAP.
--
-- Code that knows nothing of the new columns works on: their defaults say what was true of every message so far.

alter table messages
    add column trust text not null default 'proven' check (trust in ('proven', 'replying', 'unknown', 'failed')),
    add column hold text not null default '';
comment on column messages.trust is 'Inbound: how far the sender''s address is known to be theirs (agent.sender_trust).';
comment on column messages.hold is 'Inbound: why a person must read it before a machine answers; empty: no reason.';
create index messages_outbound_provider_id on messages (provider_id)
    where direction = 'outbound' and provider_id is not null;

create table mail_originals (
    message_id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    content bytea not null,
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
create index mail_originals_tenant on mail_originals (tenant_id);
comment on table mail_originals is
    'Mails as received, byte for byte: quoted history, attachments, and whatever could not be read. Go with their message.';

create table mail_tokens (
    token text primary key check (char_length(token) >= 26),
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    purpose text not null check (purpose in ('reply', 'unsubscribe')),
    created_at timestamptz not null default clock_timestamp(),
    unique (conversation_id, purpose),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index mail_tokens_tenant on mail_tokens (tenant_id);
comment on table mail_tokens is
    'Secrets that name a conversation: `reply` in the address we are answered at, `unsubscribe` in List-Unsubscribe.';

call isolate_by_tenant(array['mail_originals', 'mail_tokens']);

-- The operator's mailboxes are no tenant's: one may serve several.
create table mailboxes (
    name text primary key,
    uid_validity bigint not null default 0,
    last_uid bigint not null default 0,
    read_at timestamptz,
    error text,
    lease_token uuid,
    lease_until timestamptz
);
comment on table mailboxes is
    'How far each IMAP folder has been read, and which process reads it: whoever holds an unexpired lease.';
alter table mailboxes enable row level security;
alter table mailboxes force row level security;
create policy operator on mailboxes to nightshift_app using (true) with check (true);
grant select, insert, update on mailboxes to nightshift_app;

create policy router_reads on mail_tokens for select to nightshift_router using (true);
grant select (token, tenant_id, conversation_id, purpose) on mail_tokens to nightshift_router;
grant select (channel_account_id) on conversations to nightshift_router;

create function find_mail_token(p_token text, p_purpose text)
    returns table (found_tenant_id uuid, found_conversation_id uuid, found_address text, found_provider text)
    language sql stable security definer set search_path = ''
as $$
    select t.tenant_id, t.conversation_id, a.address, a.provider
    from public.mail_tokens t
    join public.conversations c on c.id = t.conversation_id
    join public.channel_accounts a on a.id = c.channel_account_id
    where t.token = p_token and t.purpose = p_purpose
$$;
comment on function find_mail_token is 'Whose thread a secret names: the only way from a token to a tenant.';

do $$
begin
    grant create on schema public to nightshift_router;
    alter function find_mail_token(text, text) owner to nightshift_router;
    revoke execute on function find_mail_token(text, text) from public;
    grant execute on function find_mail_token(text, text) to nightshift_app;
    revoke create on schema public from nightshift_router;
end
$$;
