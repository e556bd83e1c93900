-- Templates that WhatsApp has approved, by tenant, and what is proposed when a reply window has closed.
--
-- Code that knows nothing of the new columns works on: both may be null.

create table templates (
    tenant_id uuid not null references tenants (id) on delete cascade,
    sid text not null check (sid ~ '^HX[0-9a-fA-F]{32}$'),
    name text not null,
    language text not null,
    category text not null default '' check (category in ('utility', 'marketing', 'authentication', '')),
    types jsonb not null,
    variables jsonb not null,
    approval text not null
        check (approval in ('unsubmitted', 'received', 'pending', 'approved', 'rejected', 'paused', 'disabled', 'unknown')),
    approved_type text not null default '',
    rejection_reason text not null default '',
    synced_at timestamptz not null,
    primary key (tenant_id, sid)
);
comment on table templates is
    'Templates of the provider''s account that the tenant''s file lists, as they were when last asked for.';

alter table messages add column template jsonb
    check (template is null or (direction = 'outbound' and template->>'sid' is not null));
comment on column messages.template is
    'Outbound: the filled template that is sent instead of `body`, which is its preview. Null: `body` is sent.';

alter table escalations add column proposal jsonb;
comment on column escalations.proposal is
    'A closed reply window: the template, filled and priced, or the channel to use instead (agent.template_types.Proposal).';

call isolate_by_tenant(array['templates']);
