-- What a message is besides its words, and the files that come with messages.
--
-- Code that knows nothing of the new columns works on: their defaults say what was true of every message so far.
-- Life of a file: `pending` until the job "media" has fetched it, then `stored`, `refused` (nothing we keep: too large,
-- not what it claims to be) or `failed` (not to be had, however often it is tried). The bytes are in the media store,
-- found by tenant and id; never here. A row that goes, for whatever reason (erasure, retention, a tenant that leaves),
-- leaves its id in `media_discarded`, and the bytes follow.

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
    given_up boolean not null default false,
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
comment on table media is 'Files that came with messages: what was announced, and what became of it.';
comment on column media.given_up is 'A turn has gone on without it: what comes of it now, no turn has read.';
comment on column media.sha256 is 'Of the bytes as they were stored: what a file that somebody shows was.';
comment on column media.due_at is 'When it may be fetched (again): also the lease of the worker that is fetching it.';
call isolate_by_tenant(array['media']);

create table media_discarded (
    media_id uuid primary key,
    tenant_id uuid not null,
    discarded_at timestamptz not null default clock_timestamp()
);
create index media_discarded_at on media_discarded (discarded_at);
comment on table media_discarded is
    'Files whose rows are gone and whose bytes must go too. Without a foreign key: they outlive even their tenant''s row.';
call isolate_by_tenant(array['media_discarded']);

create function discard_media() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    insert into public.media_discarded (media_id, tenant_id) values (old.id, old.tenant_id) on conflict do nothing;
    return null;
end
$$;
comment on function discard_media is 'Whatever its state: a file may just be on its way into the store.';
revoke execute on function discard_media() from public;
create trigger discard_media after delete on media for each row execute function discard_media();

create policy router_reads on media for select to nightshift_router using (true);
grant select (tenant_id, message_id, state, due_at) on media to nightshift_router;
create policy router_reads on media_discarded for select to nightshift_router using (true);
grant select on media_discarded to nightshift_router;

create function list_discarded_media(p_after_s double precision, p_limit int)
    returns table (discarded_tenant_id uuid, discarded_id uuid)
    language sql stable security definer set search_path = ''
as $$
    select tenant_id, media_id from public.media_discarded
    where discarded_at < clock_timestamp() - p_after_s * interval '1 s' order by discarded_at limit p_limit
$$;
comment on function list_discarded_media is 'Files whose bytes must go. Not at once: one may be on its way into the store.';

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
    alter function list_discarded_media(double precision, int) owner to nightshift_router;
    revoke execute on function list_discarded_media(double precision, int) from public;
    grant execute on function list_discarded_media(double precision, int) to nightshift_app;
    revoke create on schema public from nightshift_router;
end
$$;
