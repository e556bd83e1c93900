-- Events that show if anybody has tampered with them: each tenant's events are chained by hashes, in the order in which
-- they are sealed, and the database refuses to change or remove them.
--
-- Sealing comes after the commit, by the clock: whoever inserts an event waits for nobody. An insert leaves a line in
-- `unsealed_events`, which sealing takes away; what is sealed late or never is found by its age.
--
-- Code that knows nothing of this works on: it only ever inserts events.

create table unsealed_events (
    tenant_id uuid not null references tenants (id) on delete cascade,
    event_id bigint not null,
    at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, event_id)
);
comment on table unsealed_events is 'Events that are not in their tenant''s chain yet.';

create table event_seals (
    tenant_id uuid not null references tenants (id) on delete cascade,
    seq bigint not null check (seq > 0),
    event_id bigint not null,
    salt bytea check (length(salt) = 16),
    data_hash bytea not null check (length(data_hash) = 32),
    hash bytea not null check (length(hash) = 32),
    sealed_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, seq),
    unique (tenant_id, event_id)
);
comment on table event_seals is
    'The chain of a tenant''s events. `data_hash` is of the salt and the event''s data; `hash` of everything else about the '
    'event, of `data_hash` and of the hash before (agent.event_chain).';
comment on column event_seals.salt is
    'Null: the data were forgotten when a contact was erased, and with the salt goes any way to guess them.';

create table event_checkpoints (
    tenant_id uuid not null references tenants (id) on delete cascade,
    seq bigint not null,
    hash bytea not null check (length(hash) = 32),
    removed bigint not null check (removed > 0),
    last_at timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, seq)
);
comment on table event_checkpoints is
    'Where a chain begins after old events were removed: everything up to `seq` is gone, and the last hash was `hash`. An '
    'event in the chain says the same.';

call isolate_by_tenant(array['unsealed_events', 'event_seals', 'event_checkpoints']);
revoke update on unsealed_events from nightshift_app;
revoke update, delete on event_seals, event_checkpoints from nightshift_app;
create policy only_to_forget on event_seals as restrictive for update to nightshift_app
    using (true) with check (salt is null);
grant update (salt) on event_seals to nightshift_app;

create policy staff_inserts on unsealed_events for insert to nightshift_staff
    with check (tenant_id = (select current_tenant()) and (select member_may('viewer')));
grant insert on unsealed_events to nightshift_staff;

create function await_seal() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    insert into public.unsealed_events (tenant_id, event_id) values (new.tenant_id, new.id);
    return null;
end
$$;
comment on function await_seal is 'An event is to be sealed once it is committed.';
create trigger await_seal after insert on events for each row execute function await_seal();
insert into unsealed_events (tenant_id, event_id, at) select tenant_id, id, at from events;

-- Nobody changes or removes what happened: not the owner of the tables either, unless they take the triggers away.

create function keep_as_it_was() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' and tg_table_name = 'events' then
        if new.data = '{"erased": true}' then
            new.data := old.data;
            if new is not distinct from old then
                new.data := '{"erased": true}';
                return new;
            end if;
        end if;
    elsif tg_op = 'UPDATE' and tg_table_name = 'event_seals' then
        if new.salt is null then
            new.salt := old.salt;
            if new is not distinct from old then
                new.salt := null;
                return new;
            end if;
        end if;
    elsif tg_op = 'DELETE' then
        if current_user = 'nightshift_router' or not exists (select from public.tenants where id = old.tenant_id) then
            return old;  -- removed by `prune_events`, or with its tenant
        end if;
    end if;
    raise exception '% is append-only', tg_table_name
        using errcode = 'insufficient_privilege', hint = 'Old events are removed by retention: NIGHTSHIFT_EVENTS_KEEP_DAYS.';
end
$$;
comment on function keep_as_it_was is 'Refuses to change or remove events and seals; data can be forgotten, with their salt.';
create trigger keep_as_it_was before update or delete on events for each row execute function keep_as_it_was();
create trigger keep_as_it_was before update or delete on event_seals for each row execute function keep_as_it_was();
create trigger keep_as_it_was before update or delete on event_checkpoints
    for each row execute function keep_as_it_was();
create trigger keep_all before truncate on events for each statement execute function keep_as_it_was();
create trigger keep_all before truncate on event_seals for each statement execute function keep_as_it_was();
create trigger keep_all before truncate on event_checkpoints for each statement execute function keep_as_it_was();

-- What looks across tenants, or removes.

create policy router_reads on unsealed_events for select to nightshift_router using (true);
create policy router_reads on events for select to nightshift_router using (true);
create policy router_reads on event_seals for select to nightshift_router using (true);
create policy router_reads on event_checkpoints for select to nightshift_router using (true);
create policy router_prunes on events for delete to nightshift_router using (true);
create policy router_prunes on event_seals for delete to nightshift_router using (true);
grant select (tenant_id, event_id, at) on unsealed_events to nightshift_router;
grant select (tenant_id, id) on events to nightshift_router;
grant select (tenant_id, seq, event_id) on event_seals to nightshift_router;
grant select (tenant_id, seq) on event_checkpoints to nightshift_router;
grant delete on events, event_seals to nightshift_router;

create function tenants_to_seal() returns table (waiting_tenant_id uuid, waiting bigint, oldest_at timestamptz)
    language sql stable security definer set search_path = ''
as $$
    select tenant_id, count(*), min(at) from public.unsealed_events group by tenant_id order by min(at)
$$;
comment on function tenants_to_seal is 'Whose events wait to be sealed, how many, and since when: for the clock and operators.';

create function prune_events(p_limit int) returns bigint
    language plpgsql security definer set search_path = ''
as $$
declare
    tenant constant uuid := public.current_tenant();
    upto bigint;
    gone bigint[];
begin
    select max(c.seq) into upto from public.event_checkpoints c where c.tenant_id = tenant;
    gone := array(select s.seq from public.event_seals s
                  where s.tenant_id = tenant and s.seq <= upto order by s.seq limit p_limit);
    delete from public.events e using public.event_seals s
        where s.tenant_id = tenant and s.seq = any(gone) and e.tenant_id = tenant and e.id = s.event_id;
    delete from public.event_seals s where s.tenant_id = tenant and s.seq = any(gone);
    return cardinality(gone);
end
$$;
comment on function prune_events is 'Remove events of the transaction''s tenant that lie before its last checkpoint; returns how many.';

do $$
declare f regprocedure;
begin
    grant create on schema public to nightshift_router;
    foreach f in array array['tenants_to_seal()', 'prune_events(int)']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
    revoke create on schema public from nightshift_router;
    foreach f in array array['await_seal()', 'keep_as_it_was()']::regprocedure[] loop
        execute format('revoke execute on function %s from public', f);
    end loop;
end
$$;
grant execute on function current_tenant() to nightshift_router;
