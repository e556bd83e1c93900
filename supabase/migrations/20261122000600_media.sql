-- What a message is besides its words, and the files that come with messages.
--
-- Code that knows nothing of the new columns works on: their defaults say what was true of every message so far.
-- Life of a file: `pending` until the job "media" has fetched it, then `stored`, `refused` (nothing we keep: too large,
-- not what it claims to be) or `failed` (not to be had, however often it is tried). The bytes are in the media store,
-- found by tenant and hash; never here.

alter table messages
    add column kind text not null default 'text' check (kind in ('text', 'button', 'interactive', 'image', 'document',
        'audio', 'video', 'sticker', 'location', 'contacts', 'edited', 'unknown')),
    add column details jsonb not null default '{}';
comment on column messages.kind is 'What a message consists of (agent.message_details).';
comment on column messages.details is
    'What comes with it: the message it quotes, a button''s payload, a place, an ad, whether it was forwarded.';

create table media (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    message_id uuid not null,
    position int not null,
    url text not null default '',
    announced_type text not null default '',
    filename text,
    state text not null default 'pending' check (state in ('pending', 'stored', 'refused', 'failed')),
    reason text not null default '',
    content_type text,
    size bigint,
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    transcript text,
    attempt int not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    unique (message_id, position),
    check ((state = 'stored') = (sha256 is not null)),
    check ((state in ('refused', 'failed')) = (reason <> '')),
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
create index media_due on media (due_at) where state = 'pending';
create index media_content on media (tenant_id, sha256) where sha256 is not null;
comment on table media is 'Files that came with messages: what was announced, and what became of it.';
comment on column media.due_at is 'When it may be fetched (again): also the lease of the worker that is fetching it.';
call isolate_by_tenant(array['media']);

create policy router_reads on media for select to nightshift_router using (true);
grant select (tenant_id, message_id, state, due_at) on media to nightshift_router;

create function due_media(p_overdue_s double precision, p_limit int)
    returns table (due_tenant_id uuid, due_message_id uuid)
    language sql stable security definer set search_path = ''
as $$
    select tenant_id, message_id from public.media
    where state = 'pending' and due_at < clock_timestamp() - p_overdue_s * interval '1 s'
    group by tenant_id, message_id order by min(due_at) limit p_limit
$$;
comment on function due_media is 'Messages with files whose job was lost; the caller defers each again.';

do $$
begin
    grant create on schema public to nightshift_router;
    alter function due_media(double precision, int) owner to nightshift_router;
    revoke execute on function due_media(double precision, int) from public;
    grant execute on function due_media(double precision, int) to nightshift_app;
    revoke create on schema public from nightshift_router;
end
$$;
