-- Versions: what a turn was answered by, kept for ever and never changed.
--
-- Code that knows nothing of them works on: its turns name no version.
create table versions (
    tenant_id uuid not null references tenants (id) on delete cascade,
    digest text not null check (digest ~ '^[0-9a-f]{12}$'),
    prompts jsonb not null,
    models jsonb not null,
    thresholds jsonb not null,
    policies jsonb not null,
    note text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, digest)
);
comment on table versions is
    'Prompts, models, thresholds and policies that a turn was or can be answered by. `digest` is the hash of all four.';

create table pinned_versions (
    tenant_id uuid primary key references tenants (id) on delete cascade,
    digest text not null,
    since timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, digest) references versions (tenant_id, digest)
);
comment on table pinned_versions is
    'Whose prompts and models a tenant has instead of the release''s. Thresholds and policies are always the tenant file''s.';

alter table turns add column version text;
alter table turns add foreign key (tenant_id, version) references versions (tenant_id, digest);
create index turns_version on turns (tenant_id, version, created_at);
comment on column turns.version is 'The version that answered; null: a turn of before versions were recorded.';

call isolate_by_tenant(array['versions', 'pinned_versions']);
revoke update, delete on versions from nightshift_app;
call open_to_staff(array['versions', 'pinned_versions'], 'manager', 'manager');
revoke update, delete on versions from nightshift_staff;
