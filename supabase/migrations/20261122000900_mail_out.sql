-- Mail out: what a mail provider tells of our mails, and the proof of an opt-out that is no message.
--
-- Code that knows nothing of the new column works on: its default says that the proof is elsewhere.

alter table suppressions add column proof jsonb not null default '{}';
comment on column suppressions.proof is
    'How we know, where it is not (only) `evidence_message_id`: one click in a mail, a complaint, a provider''s word.';

create table mail_events (
    event_id text not null check (char_length(event_id) between 1 and 200),
    tenant_id uuid not null references tenants (id) on delete cascade,
    message_id uuid not null,
    kind text not null check (kind in ('accepted', 'delivered', 'deferred', 'failed', 'complaint', 'unsubscribe')),
    code text not null default '',
    reason text not null default '',
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (event_id, tenant_id),
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
create index mail_events_message on mail_events (message_id, occurred_at);
comment on table mail_events is
    'What a mail provider has told of our mails, once each by its own event id. Append-only; goes with the message.';

call isolate_by_tenant(array['mail_events']);
revoke update, delete on mail_events from nightshift_app;
