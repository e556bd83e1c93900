-- Rollouts: a version's way to everybody. The first table of that name is made anew: no release has written to it.
--
-- Life of `state`: canary → expanded (it held, and answers everybody) | rolled_back (a criterion was broken, or what it
-- was compared with is no more) | stopped (by a person).
drop table rollouts;
create table rollouts (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    base text not null,
    version text not null,
    state text not null default 'canary' check (state in ('canary', 'expanded', 'rolled_back', 'stopped')),
    share_percent int not null check (share_percent between 5 and 10),
    hold_hours int not null check (hold_hours between 48 and 72),
    min_exposed int not null check (min_exposed >= 20),
    criteria jsonb not null check (jsonb_array_length(criteria) > 0),
    looks int[] not null default '{}',
    findings jsonb not null default '[]',
    reason text not null default '',
    actor text not null,
    started_at timestamptz not null,
    looked_at timestamptz,
    ended_at timestamptz,
    unique (tenant_id, id),
    check ((state = 'canary') = (ended_at is null)),
    check (base <> version),
    foreign key (tenant_id, base) references versions (tenant_id, digest),
    foreign key (tenant_id, version) references versions (tenant_id, digest)
);
create unique index rollouts_one_open on rollouts (tenant_id) where state = 'canary';
create index rollouts_tenant on rollouts (tenant_id, started_at);
comment on table rollouts is
    'A trial of a version on a share of conversations, by criteria that cannot be changed once it has begun. A tenant has '
    'one at a time: two would be about the same conversations.';
comment on column rollouts.looks is 'Exposed conversations at each look: critical values follow from all of them.';
comment on column rollouts.findings is 'What the last look found of each criterion.';

create function keep_rollout_terms() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if (new.base, new.version, new.share_percent, new.hold_hours, new.min_exposed, new.criteria, new.started_at)
       is distinct from
       (old.base, old.version, old.share_percent, old.hold_hours, old.min_exposed, old.criteria, old.started_at) then
        raise exception 'the terms of a rollout are fixed when it starts' using errcode = 'check_violation';
    end if;
    if old.state <> 'canary' then
        raise exception 'a rollout that has ended stays as it is' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger rollouts_keep_terms before update on rollouts for each row execute function keep_rollout_terms();

create table rollout_arms (
    rollout_id uuid not null,
    conversation_id uuid not null,
    tenant_id uuid not null references tenants (id) on delete cascade,
    arm text not null check (arm in ('candidate', 'control')),
    assigned_at timestamptz not null default clock_timestamp(),
    primary key (rollout_id, conversation_id),
    foreign key (tenant_id, rollout_id) references rollouts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index rollout_arms_conversation on rollout_arms (conversation_id);
comment on table rollout_arms is 'Which version a conversation has for as long as a rollout runs: drawn once, and kept.';

call isolate_by_tenant(array['rollouts', 'rollout_arms']);
call open_to_staff(array['rollouts'], 'manager');
call open_to_staff(array['rollout_arms']);

-- Managers start and stop rollouts, which operators are told.
create policy staff_inserts on system_events for insert to nightshift_staff with check ((select member_may('manager')));
grant insert on system_events to nightshift_staff;

create policy router_reads on rollouts for select to nightshift_router using (true);
grant select (id, tenant_id, state) on rollouts to nightshift_router;
create function open_rollouts() returns table (open_tenant_id uuid, open_id uuid)
    language sql stable security definer set search_path = ''
as $$ select tenant_id, id from public.rollouts where state = 'canary' $$;
comment on function open_rollouts is 'Rollouts under way of all tenants: ids only; each is then watched in its tenant''s scope.';
do $$
begin
    grant create on schema public to nightshift_router;
    alter function open_rollouts() owner to nightshift_router;
    revoke create on schema public from nightshift_router;
end
$$;
revoke execute on function keep_rollout_terms(), open_rollouts() from public;
grant execute on function open_rollouts() to nightshift_app;
