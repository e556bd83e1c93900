-- Watching: whether what prospects write, and how it is understood, is still what it was; whether staff keep up.
--
-- Code that knows nothing of it works on.

create table drift_baselines (
    tenant_id uuid not null references tenants (id) on delete cascade,
    feature text not null check (feature in ('language', 'intent', 'confidence', 'length')),
    counts jsonb not null,
    since timestamptz not null,
    until timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, feature)
);
comment on table drift_baselines is 'How messages were spread when all was well; later weeks are compared with it.';

create table drift_readings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    feature text not null check (feature in ('language', 'intent', 'confidence', 'length')),
    measured_at timestamptz not null,
    counts jsonb not null,
    psi real not null check (psi >= 0),
    level text not null check (level in ('steady', 'shifting', 'drifted')),
    primary key (tenant_id, feature, measured_at)
);
comment on table drift_readings is
    'How the last week was spread, and how far that is from the baseline (population stability index, agent.drift).';

call isolate_by_tenant(array['drift_baselines', 'drift_readings']);
call open_to_staff(array['drift_baselines', 'drift_readings']);

create policy router_reads on drift_readings for select to nightshift_router using (true);
grant select (tenant_id, feature, measured_at, level) on drift_readings to nightshift_router;

create function drifted_features(p_since timestamptz) returns table (drifted_feature text, drifted_level text, tenants bigint)
    language sql stable security definer set search_path = ''
as $$
    select last.feature, last.level, count(*) from (
        select distinct on (tenant_id, feature) feature, level from public.drift_readings
        where measured_at >= p_since order by tenant_id, feature, measured_at desc) last
    group by 1, 2
$$;
comment on function drifted_features is 'How many tenants are at which level of drift, by feature, as last measured: for operators.';

create policy router_reads on escalations for select to nightshift_router using (true);
grant select (state, due_at, snoozed_until) on escalations to nightshift_router;

create function open_requests(p_now timestamptz) returns table (open bigint, late bigint)
    language sql stable security definer set search_path = ''
as $$
    select count(*), count(*) filter (where due_at <= p_now and coalesce(snoozed_until <= p_now, true))
    from public.escalations where state = 'open'
$$;
comment on function open_requests is 'How many requests for a person are open over all tenants, and how many are late: for operators.';

do $$
declare f regprocedure;
begin
    grant create on schema public to nightshift_router;
    foreach f in array array['drifted_features(timestamptz)', 'open_requests(timestamptz)']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
    revoke create on schema public from nightshift_router;
end
$$;
