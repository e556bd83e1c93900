-- Outcomes: what came of a conversation, as the business's own systems tell it: booked, won, lost.
--
-- Code that knows nothing of them works on.

create table outcomes (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    source text not null check (source in ('webhook', 'csv', 'hubspot')),
    external_id text not null check (char_length(external_id) between 1 and 200),
    kind text not null check (kind in ('booked', 'won', 'lost', 'reversed')),
    amount_minor bigint check (amount_minor >= 0),
    currency text check (currency ~ '^[A-Z]{3}$'),
    reason text not null default '' check (char_length(reason) <= 500),
    occurred_at timestamptz not null,
    named text not null check (char_length(named) <= 320),
    contact_id uuid,
    conversation_id uuid,
    turn_id uuid,
    channel text,
    version text,
    deal text not null default '' check (char_length(deal) <= 200),
    root_id uuid not null,
    corrected_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    unique (tenant_id, external_id),
    unique (id, tenant_id),
    check ((kind = 'won') = (amount_minor is not null) and (amount_minor is null) = (currency is null)),
    check (kind <> 'lost' or reason <> ''),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete set null (conversation_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete set null (turn_id),
    foreign key (tenant_id, version) references versions (tenant_id, digest),
    foreign key (tenant_id, root_id) references outcomes (tenant_id, id) on delete cascade,
    foreign key (tenant_id, corrected_by) references outcomes (tenant_id, id) on delete cascade
);
create index outcomes_day on outcomes (tenant_id, created_at);
create index outcomes_contact on outcomes (contact_id) where contact_id is not null;
create index outcomes_conversation on outcomes (conversation_id) where conversation_id is not null;
create index outcomes_turn on outcomes (turn_id) where turn_id is not null;
create index outcomes_root on outcomes (root_id);
create index outcomes_corrected_by on outcomes (corrected_by) where corrected_by is not null;
create index outcomes_version on outcomes (tenant_id, version) where version is not null;
create index outcomes_deal on outcomes (tenant_id, deal) where deal <> '';
create index outcomes_unmatched on outcomes (tenant_id, created_at) where contact_id is null;
comment on table outcomes is
    'What came of conversations. Rows stay as they are: a correction is a row of its own, which the old one names.';
comment on column outcomes.external_id is 'Whoever reports it gives it, once: the same again changes nothing.';
comment on column outcomes.named is 'The contact as it was named: an id, a number or an address. Kept so that it can be matched later.';
comment on column outcomes.turn_id is 'The last answer of ours before it: where its score goes.';
comment on column outcomes.version is 'The version that gave this answer.';
comment on column outcomes.root_id is 'The first of a chain of corrections; its own id: this is the first.';

create function follow_conversation() returns trigger language plpgsql as $$
begin
    update outcomes set contact_id = new.contact_id where conversation_id = new.id;
    return null;
end
$$;
comment on function follow_conversation is 'An outcome is of whoever its conversation is with, also when contacts are merged or parted.';
revoke execute on function follow_conversation() from public;
create trigger outcomes_follow after update of contact_id on conversations
    for each row when (old.contact_id <> new.contact_id) execute function follow_conversation();

create table outcome_secrets (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    sender text not null check (sender in ('webhook', 'hubspot')),
    secret text not null check (char_length(secret) between 16 and 200),
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz
);
create index outcome_secrets_tenant on outcome_secrets (tenant_id, sender);
comment on table outcome_secrets is
    'With what a tenant''s systems sign the outcomes they report; two are good for a day when one is replaced.';

call isolate_by_tenant(array['outcomes', 'outcome_secrets']);
revoke update, delete on outcomes from nightshift_app;
grant update (corrected_by, contact_id, conversation_id, turn_id, channel, version) on outcomes to nightshift_app;
grant delete on outcomes to nightshift_app;
call open_to_staff(array['outcomes']);
create policy staff_updates on outcomes for update to nightshift_staff  -- `follow_conversation`, when staff merge contacts
    using (tenant_id = (select current_tenant()) and (select member_may('reviewer')))
    with check (tenant_id = (select current_tenant()));
grant update (contact_id) on outcomes to nightshift_staff;
