-- Staff: who they are, how they sign in, what they may do, and what they add to a conversation.
--
-- nightshift_staff   what the inbox's transactions run as. It sees the tenant of the transaction, and only while the
--                    member named by it is in that tenant and not disabled; it writes what that member's role allows.
--                    The role is read from `members` at each statement: who is demoted loses the right at once.
--
-- Code that knows nothing of the new columns works on: their defaults say what was true before.
do $$
begin
    if not exists (select from pg_roles where rolname = 'nightshift_staff') then
        create role nightshift_staff nologin noinherit nobypassrls;
    end if;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant nightshift_staff to %I', current_user);
    end if;
    -- The application becomes it for a transaction. It inherits nothing, so its own policies stay the only ones.
    grant nightshift_staff to nightshift_app;
end
$$;
grant usage on schema public, jobs to nightshift_staff;

create function current_member() returns uuid
    language sql stable
    set search_path = ''
    return nullif(current_setting('nightshift.member_id', true), '')::uuid;
comment on function current_member() is 'Member of staff in whose name the current transaction acts; null: nobody''s.';

alter table members
    add column auth_user_id uuid,
    add column language text not null default 'en',
    add column timezone text not null default '',
    add column preferences jsonb not null default '{}',
    add column disabled_at timestamptz,
    add unique (id, tenant_id);
create unique index members_auth_user on members (tenant_id, auth_user_id) where auth_user_id is not null;
comment on column members.auth_user_id is 'Who they are to Supabase Auth; null: they have not signed in through it.';
comment on column members.timezone is 'IANA name; empty: the tenant''s.';

create function member_may(p_role text) returns boolean
    language sql stable
    set search_path = ''
as $$
    select exists (
        select from public.members
        where id = (select public.current_member()) and tenant_id = (select public.current_tenant())
          and disabled_at is null
          and array_position(array['viewer', 'reviewer', 'manager'], role)
              >= array_position(array['viewer', 'reviewer', 'manager'], p_role))
$$;
comment on function member_may(text) is 'Whether the transaction''s member has this role or a higher one: viewer < reviewer < manager.';

create procedure open_to_staff(p_tables text[], p_writes text default null, p_deletes text default null)
    language plpgsql as $$
declare
    t text;
    ours constant text := 'tenant_id = (select public.current_tenant())';
begin
    foreach t in array p_tables loop
        execute format('create policy staff_reads on public.%I for select to nightshift_staff using (%s and (select public.member_may(%L)))',
                       t, ours, 'viewer');
        execute format('grant select on public.%I to nightshift_staff', t);
        if p_writes is not null then
            execute format('create policy staff_inserts on public.%I for insert to nightshift_staff with check (%s and (select public.member_may(%L)))',
                           t, ours, p_writes);
            execute format('create policy staff_updates on public.%I for update to nightshift_staff using (%s and (select public.member_may(%L))) with check (%s)',
                           t, ours, p_writes, ours);
            execute format('grant insert, update on public.%I to nightshift_staff', t);
        end if;
        if p_deletes is not null then
            execute format('create policy staff_deletes on public.%I for delete to nightshift_staff using (%s and (select public.member_may(%L)))',
                           t, ours, p_deletes);
            execute format('grant delete on public.%I to nightshift_staff', t);
        end if;
    end loop;
end
$$;
comment on procedure open_to_staff(text[], text, text) is
    'For migrations: lets viewers read tenant tables, and members from the given role on write, or delete, their rows.';
revoke execute on procedure open_to_staff(text[], text, text) from public;

-- Sign-in.

create table staff_sessions (
    id uuid primary key,
    token_hash bytea not null unique check (length(token_hash) = 32),
    tenant_id uuid not null references tenants (id) on delete cascade,
    member_id uuid not null,
    csrf_token text not null,
    user_agent text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete cascade
);
create index staff_sessions_member on staff_sessions (member_id);
comment on table staff_sessions is
    'Browsers in which staff are signed in. Only a hash of the cookie''s secret is kept. Gone: signed out.';

create table signin_links (
    id uuid primary key,
    token_hash bytea not null unique check (length(token_hash) = 32),
    tenant_id uuid not null references tenants (id) on delete cascade,
    member_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    used_at timestamptz,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete cascade
);
create index signin_links_member on signin_links (member_id);
comment on table signin_links is 'One-time links that sign a member in, as `nightshift signin-link` prints them.';

call isolate_by_tenant(array['staff_sessions', 'signin_links']);

create table signin_attempts (
    subject text not null,
    window_at timestamptz not null,
    attempts int not null default 1,
    primary key (subject, window_at)
);
comment on table signin_attempts is
    'How often somebody tried to sign in, by a hash of the network address or of the e-mail address. No tenant''s data.';
alter table signin_attempts enable row level security;
alter table signin_attempts force row level security;
create policy everyone on signin_attempts to nightshift_app using (true) with check (true);
grant select, insert, update, delete on signin_attempts to nightshift_app;

create policy router_reads on staff_sessions for select to nightshift_router using (true);
create policy router_reads on signin_links for select to nightshift_router using (true);
create policy router_reads on members for select to nightshift_router using (true);
grant select (token_hash, tenant_id) on staff_sessions to nightshift_router;
grant select (token_hash, tenant_id) on signin_links to nightshift_router;
grant select (id, tenant_id, email, auth_user_id, disabled_at) on members to nightshift_router;

create function find_session_tenant(p_token_hash bytea) returns uuid
    language sql stable security definer set search_path = ''
as $$ select tenant_id from public.staff_sessions where token_hash = p_token_hash $$;
comment on function find_session_tenant is 'Whose a session is, ended or not: the only way from a cookie to a tenant.';

create function find_link_tenant(p_token_hash bytea) returns uuid
    language sql stable security definer set search_path = ''
as $$ select tenant_id from public.signin_links where token_hash = p_token_hash $$;
comment on function find_link_tenant is 'Whose a one-time link is, good or not: the only way from a link to a tenant.';

create function list_memberships(p_email text, p_auth_user_id uuid)
    returns table (found_tenant_id uuid, found_member_id uuid)
    language sql stable security definer set search_path = ''
as $$
    select tenant_id, id from public.members
    where disabled_at is null
      and (auth_user_id = p_auth_user_id
           or (lower(email) = lower(p_email) and (auth_user_id is null or p_auth_user_id is null)))
    order by (auth_user_id = p_auth_user_id) desc nulls last, id
$$;
comment on function list_memberships is
    'Where somebody whom Supabase Auth has identified is a member: by their account, or by an address that is proven and '
    'bound to no other account. Without an account: where an address is a member''s, whoever asks.';

do $$
declare f regprocedure;
begin
    grant create on schema public to nightshift_router;
    foreach f in array array['find_session_tenant(bytea)', 'find_link_tenant(bytea)',
        'list_memberships(text, uuid)']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
    revoke create on schema public from nightshift_router;
end
$$;

-- What staff add to a conversation. Life of an escalation's `state`:
--   open      somebody must look at it; at most one a conversation. `snoozed_until`: not before then, or the next message
--   resolved  somebody has; `resolution` says how     replaced  a newer one took its place while it was open

alter table conversations
    add column assignee_id uuid,
    add column labels text[] not null default '{}',
    add column is_urgent boolean not null default false,
    add column hand_back_at timestamptz,
    add foreign key (tenant_id, assignee_id) references members (tenant_id, id) on delete set null (assignee_id);
create index conversations_assignee on conversations (assignee_id) where assignee_id is not null;
create index conversations_hand_back on conversations (hand_back_at) where hand_back_at is not null;
create index conversations_recent on conversations (tenant_id, last_inbound_at desc nulls last, id);
comment on column conversations.hand_back_at is 'When the agent answers again, if staff do not take it back before; null: when they say so.';

alter table escalations drop constraint escalations_state_check;
update escalations e set state = 'replaced', resolved_at = clock_timestamp()
    where state = 'open' and exists (
        select from escalations newer where newer.conversation_id = e.conversation_id and newer.state = 'open'
          and (newer.created_at, newer.id) > (e.created_at, e.id));
alter table escalations
    add constraint escalations_state_check check (state in ('open', 'resolved', 'replaced')),
    add column due_at timestamptz not null default clock_timestamp(),
    add column risk smallint not null default 5 check (risk between 0 and 9),
    add column waiting_since timestamptz not null default clock_timestamp(),
    add column cause text not null default 'other',
    add column value text not null default '' check (char_length(value) <= 80),
    add column snoozed_until timestamptz,
    add column snoozed_at timestamptz,
    add column resolution text check (resolution in ('answered', 'rejected', 'handed_back', 'done')),
    add column resolved_by uuid,
    add column redraft jsonb,
    add foreign key (tenant_id, resolved_by) references members (tenant_id, id) on delete set null (resolved_by),
    add unique (id, tenant_id);
create unique index escalations_one_open on escalations (conversation_id, tenant_id) where state = 'open';
drop index escalations_open;
create index escalations_open on escalations (tenant_id, due_at, risk, id) where state = 'open';
create index escalations_new on escalations (tenant_id, created_at) where state = 'open';
create index escalations_snoozed on escalations (tenant_id, snoozed_until, id)
    where state = 'open' and snoozed_until is not null;
create index escalations_resolved on escalations (tenant_id, resolved_at desc, id desc) where state = 'resolved';
comment on column escalations.due_at is 'When it is too late, or the prospect has waited as long as promised: the queue''s order.';
comment on column escalations.risk is 'What is at stake: 0 the most, 9 the least (agent.urgency).';
comment on column escalations.cause is 'Why somebody is asked for, as a class (agent.why): the label in the queue.';
comment on column escalations.value is 'What the prospect has named that says what it is worth: a budget, a quantity.';
comment on column escalations.snoozed_until is
    'Out of the queue until then, or until the prospect writes after `snoozed_at`.';
comment on column escalations.redraft is
    'How `draft` came to be, if staff had it written anew: the instruction, who gave it, the draft as the model wrote it.';
comment on column escalations.waiting_since is 'Since when somebody is asked for: its own time, or that of the one it replaced.';

alter table messages drop constraint messages_source_check;
alter table messages
    add constraint messages_source_check check (source in ('claude', 'local', 'rule', 'cache', 'staff')),
    add column member_id uuid,
    add column undo_until timestamptz,
    add foreign key (tenant_id, member_id) references members (tenant_id, id) on delete set null (member_id);
comment on column messages.member_id is 'Outbound of staff: who sent it, or approved it.';
comment on column messages.undo_until is 'Until then it can be taken back by whoever sent it.';

create table reviews (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    escalation_id uuid,
    turn_id uuid,
    message_id uuid,
    member_id uuid,
    verdict text not null check (verdict in ('approved', 'edited', 'rejected')),
    reason text not null default '',
    draft text not null,
    sent text,
    distance real check (distance between 0 and 1),
    overridden jsonb not null default '[]',
    created_at timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, escalation_id) references escalations (tenant_id, id) on delete set null (escalation_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete set null (turn_id),
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete set null (message_id),
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete set null (member_id)
);
create index reviews_day on reviews (tenant_id, created_at);
create index reviews_conversation on reviews (conversation_id);
comment on table reviews is
    'Append-only: what staff thought of a draft. `distance` is how much they changed of it, 0 nothing, 1 everything; '
    '`overridden` are the warnings they sent it in spite of, each with their reason.';

create table notes (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    member_id uuid,
    body text not null check (char_length(body) between 1 and 4000),
    mentions uuid[] not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete set null (member_id)
);
create index notes_conversation on notes (conversation_id, created_at);
comment on table notes is 'What staff tell one another about a conversation; no prospect sees it.';

create table staff_drafts (
    conversation_id uuid not null,
    member_id uuid not null,
    mode text not null check (mode in ('reply', 'note')),
    tenant_id uuid not null references tenants (id) on delete cascade,
    text text not null check (char_length(text) <= 20000),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (conversation_id, member_id, mode),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete cascade
);
create index staff_drafts_member on staff_drafts (member_id);
comment on table staff_drafts is 'What a member is writing: the same on their phone and their desk.';

create table uploads (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    member_id uuid not null,
    filename text not null check (char_length(filename) between 1 and 200),
    content_type text not null,
    size bigint not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    created_at timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete cascade
);
create index uploads_conversation on uploads (conversation_id);
create index uploads_member on uploads (member_id);
create index uploads_age on uploads (tenant_id, created_at);
comment on table uploads is
    'Files that members have added to what they write. Sent, a file has the same id in `media`; all others go in days.';

create function discard_upload() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if not exists (select from public.media where id = old.id) then
        insert into public.media_discarded (media_id, tenant_id) values (old.id, old.tenant_id) on conflict do nothing;
    end if;
    return null;
end
$$;
comment on function discard_upload is 'A file that was sent stays with its message; of another the bytes go.';
revoke execute on function discard_upload() from public;
create trigger discard_upload after delete on uploads for each row execute function discard_upload();

create table presence (
    conversation_id uuid not null,
    member_id uuid not null,
    tenant_id uuid not null references tenants (id) on delete cascade,
    mode text not null check (mode in ('viewing', 'editing')),
    seen_at timestamptz not null default clock_timestamp(),
    left_at timestamptz,
    editing_since timestamptz,
    asked_at timestamptz,
    primary key (conversation_id, member_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete cascade
);
create index presence_member on presence (member_id);
comment on table presence is 'Who looks at a conversation or writes in it, as of `seen_at`; older than half a minute: nobody.';
comment on column presence.left_at is 'When they closed it; null: they have not.';
comment on column presence.editing_since is 'Whoever has written for longest has the conversation, until they stop or yield.';
comment on column presence.asked_at is 'When this member asked whoever is writing to let them.';

create table saved_views (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    member_id uuid not null,
    name text not null check (char_length(name) between 1 and 60),
    filter jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    unique (member_id, name),
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete cascade
);
comment on table saved_views is 'A member''s own filters of the queue, by name.';

create table labels (
    tenant_id uuid not null references tenants (id) on delete cascade,
    name text not null check (name ~ '^[^[:space:],]([^,]{0,38}[^[:space:],])?$'),
    created_at timestamptz not null default clock_timestamp(),
    primary key (name, tenant_id)
);
create index labels_tenant on labels (tenant_id, name);
comment on table labels is 'The labels that staff have given to conversations, to choose from.';

create table canned_replies (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    shortcut text not null check (shortcut ~ '^[a-z0-9_-]{1,40}$'),
    body jsonb not null,
    updated_at timestamptz not null default clock_timestamp(),
    unique (tenant_id, shortcut)
);
comment on table canned_replies is 'Texts that staff insert by `/shortcut`, by language, with `{{variables}}` and `{price:…}`.';

create table translations (
    tenant_id uuid not null references tenants (id) on delete cascade,
    text_hash bytea not null check (length(text_hash) = 32),
    language text not null,
    text text not null,
    model text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (text_hash, language, tenant_id)
);
create index translations_age on translations (tenant_id, created_at);
comment on table translations is 'What has been translated for staff, by a hash of the original and the language.';

create table settings_changes (
    id bigint generated always as identity primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    member_id uuid,
    part text not null,
    before jsonb,
    after jsonb,
    created_at timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete set null (member_id)
);
create index settings_changes_tenant on settings_changes (tenant_id, id);
comment on table settings_changes is 'Append-only: every change of catalogue, policies and settings, with what was there before.';

-- Runs: turns as operators see them. A turn that staff cancel ends in a state of its own; nobody is answered by it.
alter table turns drop constraint turns_state_check;
alter table turns
    add constraint turns_state_check check (state in ('running', 'done', 'superseded', 'failed', 'cancelled')),
    add column intent text generated always as
        (coalesce(steps -> 'classification' ->> 'intent', steps -> 'classify' -> 'classification' ->> 'intent')) stored,
    add column stage text generated always as
        (coalesce(steps -> 'classification' ->> 'stage', steps -> 'classify' -> 'classification' ->> 'stage')) stored;
create index turns_recent on turns (tenant_id, created_at desc, id desc);
create index turns_failed on turns (tenant_id, created_at desc, id desc) where state = 'failed';
create index conversations_at_work on conversations (tenant_id, id) where turn_state <> 'idle';
create index escalations_day on escalations (tenant_id, created_at);

-- As before; each state of the outbox is counted by its own index, where both at once would be looked for in every message.
create or replace function backlog() returns table (queued bigint, running bigint, oldest_wake_at timestamptz, outbox bigint)
    language sql stable security definer set search_path = ''
as $$
    select (select count(*) from public.conversations where turn_state = 'queued'),
           (select count(*) from public.conversations where turn_state = 'running'),
           (select min(wake_at) from public.conversations where turn_state = 'queued'),
           (select count(*) from public.messages where state = 'pending')
           + (select count(*) from public.messages where state = 'sending')
$$;

create table replays (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    turn_id uuid not null,
    member_id uuid,
    state text not null default 'pending' check (state in ('pending', 'done', 'failed')),
    result jsonb,
    error text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check ((state = 'pending') = (finished_at is null)),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade,
    foreign key (tenant_id, member_id) references members (tenant_id, id) on delete set null (member_id)
);
create index replays_turn on replays (turn_id, created_at);
comment on table replays is
    'What today''s version makes of a past turn, thought through by a worker without sending or keeping anything of it.';

create table hourly_figures (
    tenant_id uuid not null references tenants (id) on delete cascade,
    starts_at timestamptz not null,
    figures jsonb not null,
    computed_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, starts_at)
);
comment on table hourly_figures is
    'What happened in an hour, counted from the other tables by the clock: 30 days of them are 720 rows, not a million. '
    'An hour is counted again while its deliveries and judgements may still come.';

call isolate_by_tenant(array['reviews', 'notes', 'staff_drafts', 'uploads', 'presence', 'saved_views', 'labels', 'canned_replies',
        'translations', 'settings_changes', 'replays', 'hourly_figures']);
revoke update, delete on settings_changes from nightshift_app;

-- What each role may do.

call open_to_staff(array['channel_accounts', 'deliveries', 'delivery_statuses', 'model_calls', 'spending',
        'mail_originals', 'conversation_summaries', 'mail_events', 'rollouts', 'eval_items', 'eval_runs',
        'templates', 'hourly_figures']);
call open_to_staff(array['events'], p_writes => 'viewer');
call open_to_staff(array['conversations', 'messages', 'turns', 'escalations', 'contact_points', 'suppressions', 'contact_merges',
        'translations'], p_writes => 'reviewer');
call open_to_staff(array['reviews', 'notes', 'media'], p_writes => 'reviewer');
call open_to_staff(array['replays'], p_writes => 'reviewer');
call open_to_staff(array['holding_lines'], p_deletes => 'reviewer');
call open_to_staff(array['labels'], p_writes => 'reviewer', p_deletes => 'manager');
call open_to_staff(array['contacts'], p_writes => 'reviewer', p_deletes => 'manager');
call open_to_staff(array['catalogue_items', 'price_rules', 'documents', 'passages', 'canned_replies'],
        p_writes => 'manager', p_deletes => 'manager');
call open_to_staff(array['settings_changes'], p_writes => 'manager');
revoke update on events, settings_changes, reviews, notes from nightshift_staff;

-- `member_may` reads this table: a policy for reading it that asked `member_may` would ask itself.
create policy staff_reads on members for select to nightshift_staff using (tenant_id = (select current_tenant()));
create policy staff_inserts on members for insert to nightshift_staff
    with check (tenant_id = (select current_tenant()) and (select member_may('manager')));
create policy staff_updates on members for update to nightshift_staff
    using (tenant_id = (select current_tenant()) and (select member_may('manager')))
    with check (tenant_id = (select current_tenant()));
create policy staff_deletes on members for delete to nightshift_staff
    using (tenant_id = (select current_tenant()) and (select member_may('manager')));
grant select, insert, update, delete on members to nightshift_staff;

create policy staff_reads on tenants for select to nightshift_staff
    using (id = (select current_tenant()) and (select member_may('viewer')));
create policy staff_updates on tenants for update to nightshift_staff
    using (id = (select current_tenant()) and (select member_may('manager'))) with check (id = (select current_tenant()));
grant select, update on tenants to nightshift_staff;

-- Everybody's own: nobody else's rows can be written, whatever the role.
do $$
declare
    t text;
    mine constant text := 'tenant_id = (select public.current_tenant()) and member_id = (select public.current_member()) '
        'and (select public.member_may(''viewer''))';
begin
    foreach t in array array['presence', 'staff_drafts', 'saved_views', 'uploads'] loop
        execute format('create policy staff_own on public.%I to nightshift_staff using (%s) with check (%s)', t, mine, mine);
        execute format('grant select, insert, update, delete on public.%I to nightshift_staff', t);
    end loop;
end
$$;
create policy staff_reads on presence for select to nightshift_staff
    using (tenant_id = (select current_tenant()) and (select member_may('viewer')));

-- What staff send is deferred like everything else. Jobs hold ids, no texts.
grant select, insert on jobs.procrastinate_jobs to nightshift_staff;
grant insert on jobs.procrastinate_events to nightshift_staff;
grant usage on all sequences in schema jobs to nightshift_staff;
do $$
declare f regprocedure;
begin
    foreach f in array array['current_member()', 'member_may(text)']::regprocedure[] loop
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app, nightshift_staff', f);
    end loop;
    grant execute on function defer_job(text, jsonb, double precision), current_tenant() to nightshift_staff;
    foreach f in array array['lock_contacts(uuid[])', 'merge_contacts(uuid, uuid, uuid, text)']::regprocedure[] loop
        execute format('grant execute on function %s to nightshift_staff', f);
    end loop;
end
$$;

-- Erasing a contact. The person may come back from an address that has opted out: that is still so, and all that is
-- kept to know it is a hash of the address (GDPR art. 17(3)(b) with 21(3): the minimum that honours an objection).

create table erased_suppressions (
    tenant_id uuid not null references tenants (id) on delete cascade,
    address_hash bytea not null check (length(address_hash) = 32),
    suppressed_at timestamptz not null,
    primary key (tenant_id, address_hash)
);
comment on table erased_suppressions is
    'Addresses of erased contacts that must not be written to, each as a hash that is different for every tenant.';
call isolate_by_tenant(array['erased_suppressions']);
call open_to_staff(array['erased_suppressions']);

create function hash_address(p_tenant uuid, p_kind text, p_normalised text) returns bytea
    language sql immutable set search_path = ''
    return sha256(convert_to(p_tenant::text || ' ' || p_kind || ' ' || p_normalised, 'UTF8'));
comment on function hash_address is 'How an address is kept that must be recognised and not known.';

create function remember_suppression() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    insert into public.suppressions (id, tenant_id, contact_id, kind, normalised, reason, proof, created_at)
        select gen_random_uuid(), new.tenant_id, new.contact_id, new.kind, new.normalised, 'opted out before being erased',
               jsonb_build_object('erased', 'address hash'), e.suppressed_at
        from public.erased_suppressions e
        where e.tenant_id = new.tenant_id
          and e.address_hash = public.hash_address(new.tenant_id, new.kind, new.normalised)
        on conflict (tenant_id, kind, normalised) where lifted_at is null do nothing;
    return null;
end
$$;
comment on function remember_suppression is 'Who was erased after opting out, and writes again, has still opted out.';
create trigger remember_suppression after insert on contact_points
    for each row execute function remember_suppression();

-- Events stay append-only; what happened around an erased contact can be made to say nothing about it.
create policy only_to_forget on events as restrictive for update to nightshift_app
    using (true) with check (data = '{"erased": true}');
grant update (data) on events to nightshift_app;

-- The audit log's filters.
create index events_kind on events (tenant_id, kind, id);
create index events_member on events (tenant_id, actor, id) where actor like 'member:%';

-- A tenant that has a manager never loses its last one: nobody could let anybody in any more.
create function keep_a_manager() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if old.role <> 'manager' or old.disabled_at is not null
       or (tg_op = 'UPDATE' and new.role = 'manager' and new.disabled_at is null) then
        return null;
    end if;
    -- Two managers who demote each other at the same moment: the second sees what the first has done.
    perform pg_advisory_xact_lock(hashtextextended('last manager ' || old.tenant_id, 0));
    if (tg_op = 'UPDATE' or exists (select from public.tenants where id = old.tenant_id)) and not exists (
        select from public.members
        where tenant_id = old.tenant_id and role = 'manager' and disabled_at is null) then
        raise exception 'the last manager of a tenant must stay one' using errcode = 'restrict_violation';
    end if;
    return null;
end
$$;
comment on function keep_a_manager is 'Refuses to demote, disable or delete the last manager. A tenant that goes takes all along.';
create trigger keep_a_manager after update or delete on members for each row execute function keep_a_manager();

do $$
declare f regprocedure;
begin
    foreach f in array array['hash_address(uuid, text, text)', 'remember_suppression()',
        'keep_a_manager()']::regprocedure[] loop
        execute format('revoke execute on function %s from public', f);
    end loop;
    grant execute on function hash_address(uuid, text, text) to nightshift_app, nightshift_staff;
end
$$;
