-- Evaluation (promise P10): labelled cases with the people who accepted them, measurements of versions case by case,
-- the hold that keeps a worse version from being promoted, and replays of whole conversations.
--
-- Code that knows nothing of the new columns works on: their defaults say what was true before.

-- Life of a case's `state`: proposed (from what staff or prospects objected to) → accepted | rejected, by a person.
-- Only accepted cases are measured on. A case of a turn goes when its turn is erased.
alter table eval_items
    add column state text not null default 'accepted' check (state in ('proposed', 'accepted', 'rejected')),
    add column key text not null default gen_random_uuid()::text,
    add column language text not null default '',
    add column note text not null default '',
    add column turn_id uuid,
    add column decided_by uuid,
    add column decided_at timestamptz,
    add unique (tenant_id, kind, key),
    add foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade,
    add foreign key (tenant_id, decided_by) references members (tenant_id, id) on delete set null (decided_by);
create index eval_items_state on eval_items (tenant_id, state, created_at);
comment on column eval_items.key is 'What makes it the same case: a hash of its input, or the turn it was proposed from.';

-- Life of a run's `state`: pending (asked for) → running → done | failed | skipped (`error` says why).
alter table eval_runs
    add column state text not null default 'done' check (state in ('pending', 'running', 'done', 'failed', 'skipped')),
    add column kind text not null default 'labelled' check (kind in ('labelled', 'simulated')),
    add column cause text not null default 'command' check (cause in ('command', 'night', 'staff', 'rollout')),
    add column set_name text not null default 'held-out',
    add column cost_microusd bigint not null default 0 check (cost_microusd >= 0),
    add column reference_id uuid,
    add column has_dropped boolean not null default false,
    add column error text not null default '',
    add unique (tenant_id, id),
    add foreign key (tenant_id, reference_id) references eval_runs (tenant_id, id) on delete set null (reference_id);
create index eval_runs_version on eval_runs (tenant_id, version, started_at);
comment on column eval_runs.reference_id is 'The run with which it was compared case by case.';
comment on column eval_runs.has_dropped is 'Whether it was significantly worse than its reference: no later run is compared with it.';

create table eval_results (
    run_id uuid not null,
    case_key text not null,
    tenant_id uuid not null references tenants (id) on delete cascade,
    kind text not null,
    result jsonb not null,
    primary key (run_id, case_key),
    foreign key (tenant_id, run_id) references eval_runs (tenant_id, id) on delete cascade
);
comment on table eval_results is
    'What a version made of one case in one run: what paired comparisons are made of. No text of a prospect in it.';

create table promotion_holds (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    run_id uuid,
    reason text not null,
    created_at timestamptz not null default clock_timestamp(),
    lifted_at timestamptz,
    lifted_by text,
    foreign key (tenant_id, run_id) references eval_runs (tenant_id, id) on delete set null (run_id),
    check ((lifted_at is null) = (lifted_by is null))
);
create unique index promotion_holds_open on promotion_holds (tenant_id) where lifted_at is null;
comment on table promotion_holds is
    'While one is open, no version and no channel of the tenant is moved up: an evaluation was significantly worse. '
    'A later run that is not worse lifts it, or a manager.';

-- A replay is of one turn or of a whole conversation, by a version; empty: the one that was in force.
alter table replays
    alter column turn_id drop not null,
    add column conversation_id uuid,
    add column version text not null default '',
    add check ((turn_id is null) <> (conversation_id is null)),
    add foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade;
create index replays_conversation on replays (conversation_id, created_at);

call isolate_by_tenant(array['eval_results', 'promotion_holds']);
call open_to_staff(array['eval_results', 'promotion_holds']);

create policy staff_updates on eval_items for update to nightshift_staff
    using (tenant_id = (select current_tenant()) and (select member_may('manager')))
    with check (tenant_id = (select current_tenant()));
grant update on eval_items to nightshift_staff;
create policy staff_inserts on eval_runs for insert to nightshift_staff
    with check (tenant_id = (select current_tenant()) and (select member_may('manager')));
grant insert on eval_runs to nightshift_staff;
create policy staff_updates on promotion_holds for update to nightshift_staff
    using (tenant_id = (select current_tenant()) and (select member_may('manager')))
    with check (tenant_id = (select current_tenant()));
grant update on promotion_holds to nightshift_staff;
