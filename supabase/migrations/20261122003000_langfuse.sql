-- What became known of a turn after its trace had ended, as scores of that trace, and whether the trace was sent.
--
-- Scores are written in the transaction of the fact itself, and sent later by whoever works: a fact is told once,
-- whatever dies in between, and nothing waits for Langfuse. Code that knows nothing of this works on.

create table scores (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    turn_id uuid not null,
    name text not null check (name ~ '^[a-z][a-z0-9_.]{0,99}$'),
    subject text not null default '',
    number double precision,
    word text check (length(word) between 1 and 500),
    comment text not null default '',
    at timestamptz not null,
    revision int not null default 1,
    due_at timestamptz default clock_timestamp(),
    attempts int not null default 0,
    sent_at timestamptz,
    error text not null default '',
    check (num_nonnulls(number, word) = 1),
    unique (turn_id, name, subject),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
);
create index scores_due on scores (due_at) where due_at is not null;
comment on table scores is
    'Facts about a turn that came later, and judgements on it, each once by name and subject: a later value replaces it.';
comment on column scores.id is 'The id in Langfuse, which follows from turn, name and subject.';
comment on column scores.at is 'When it was first known. It stays when the value changes: Langfuse keeps one score by id and time.';
comment on column scores.due_at is 'When it is to be sent, again perhaps; null: it was, or will not be (`error` says why).';

call isolate_by_tenant(array['scores']);
call open_to_staff(array['scores'], p_writes => 'reviewer');

alter table turns
    add column trace text check (trace in ('sent', 'left_out', 'wanted')),
    add column told_again_at timestamptz;
comment on column turns.trace is
    'Null: not known to have arrived in Langfuse. left_out: not in the sample. wanted: to be told again from what is kept here.';
comment on column turns.told_again_at is 'When that was last tried.';
create index turns_untold on turns (finished_at) where trace is null or trace = 'wanted';

create table prompt_links (
    project text not null,
    name text not null,
    version text not null,
    number int not null,
    primary key (project, name, version)
);
comment on table prompt_links is
    'Which version of a prompt in Langfuse has the text that we call by a hash: written by `nightshift prompts push`, so '
    'that workers link generations without asking Langfuse. No tenant''s data.';
alter table prompt_links enable row level security;
alter table prompt_links force row level security;
create policy prompt_links_everyone on prompt_links to nightshift_app using (true) with check (true);
grant select, insert, update on prompt_links to nightshift_app;

create policy router_reads on scores for select to nightshift_router using (true);
create policy router_claims on scores for update to nightshift_router using (true) with check (true);
grant select (id, tenant_id, due_at, attempts), update (due_at, attempts) on scores to nightshift_router;
create policy router_reads on turns for select to nightshift_router using (true);
create policy router_marks on turns for update to nightshift_router using (true) with check (true);
grant select (id, tenant_id, finished_at, trace, told_again_at), update (trace, told_again_at) on turns
    to nightshift_router;

create function claim_due_scores(p_retry_s double precision, p_limit int)
    returns table (score_tenant_id uuid, score_id uuid)
    language sql security definer set search_path = ''
as $$
    update public.scores set attempts = attempts + 1,
        due_at = clock_timestamp() + least(p_retry_s * 2 ^ least(attempts, 20), 3600) * interval '1 s'
    where id in (
        select id from public.scores where due_at <= clock_timestamp()
        order by due_at limit p_limit for update skip locked)
    returning tenant_id, id
$$;
comment on function claim_due_scores is
    'Take scores that are to be sent, over all tenants. Whoever takes them and dies leaves them due again, later each time.';

create function mark_traces(p_turns uuid[], p_trace text) returns void
    language sql security definer set search_path = ''
as $$
    update public.turns set trace = p_trace
    where id in (select id from public.turns where id = any(p_turns) and trace is distinct from p_trace
                 order by id for update skip locked)
$$;
comment on function mark_traces is 'Note what became of turns'' traces. A row that is being changed is skipped: it is told again.';

create function claim_untold_turns(p_after_s double precision, p_within_s double precision, p_limit int)
    returns table (untold_tenant_id uuid, untold_id uuid)
    language sql security definer set search_path = ''
as $$
    update public.turns set told_again_at = clock_timestamp()
    where id in (
        select id from public.turns
        where (trace is null or trace = 'wanted')
          and finished_at between clock_timestamp() - p_within_s * interval '1 s'
                              and clock_timestamp() - p_after_s * interval '1 s'
          and coalesce(told_again_at < clock_timestamp() - p_after_s * interval '1 s', true)
        order by finished_at limit p_limit for update skip locked)
    returning tenant_id, id
$$;
comment on function claim_untold_turns is
    'Take finished turns whose trace has not arrived: its process died, or Langfuse was away. One worker takes each.';

do $$
declare f regprocedure;
begin
    grant create on schema public to nightshift_router;
    foreach f in array array['claim_due_scores(double precision, int)', 'mark_traces(uuid[], text)',
        'claim_untold_turns(double precision, double precision, int)']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
    revoke create on schema public from nightshift_router;
end
$$;
