-- The trust dial: how free the agent is, by channel and intent. Without a row, the tenant file's `settings.trust` holds.
--
-- Code that knows nothing of it works on: a tenant without rows is answered as before.
create table trust_levels (
    tenant_id uuid not null references tenants (id) on delete cascade,
    channel text not null check (channel in ('whatsapp', 'sms', 'email')),
    intent text not null default '',
    level text not null check (level in ('off', 'shadow', 'review', 'canary', 'autonomous')),
    actor text not null,
    moved_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, channel, intent)
);
comment on table trust_levels is
    'How free the agent is on a channel: with one intent, or (intent empty) with all that have no row of their own.';
call isolate_by_tenant(array['trust_levels']);
call open_to_staff(array['trust_levels'], 'manager');
