-- Drift: whether what prospects write, and how it is understood, is still what it was.
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

do $$
begin
    grant create on schema public to nightshift_router;
    alter function drifted_features(timestamptz) owner to nightshift_router;
    revoke execute on function drifted_features(timestamptz) from public;
    grant execute on function drifted_features(timestamptz) to nightshift_app;
    revoke create on schema public from nightshift_router;
end
$$;
