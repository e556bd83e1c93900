-- What stays of long conversations, and answers that can be given again.
--
-- `answer_cache` is made anew: no release has written to the first one. Code that knows nothing of either table works on.

create table conversation_summaries (
    conversation_id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    covers_seq bigint not null,
    text text not null check (char_length(text) <= 4000),
    model text not null,
    prompt_version text not null,
    updated_at timestamptz not null default clock_timestamp(),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index conversation_summaries_tenant on conversation_summaries (tenant_id);
comment on table conversation_summaries is
    'What was said in a conversation up to message `covers_seq`, in a few sentences. Never the source of a price or of consent.';

drop table answer_cache;
create table answer_cache (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    version text not null,
    language text not null,
    channel text not null check (channel in ('whatsapp', 'sms', 'email')),
    intent text not null,
    question text not null,
    content_key text not null,
    vector bytea not null,
    answer jsonb not null,
    turn_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    unique (tenant_id, version, language, channel, intent, question),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
);
create index answer_cache_content on answer_cache (tenant_id, version, language, channel, intent, content_key);
create index answer_cache_age on answer_cache (tenant_id, created_at);
create index answer_cache_turn on answer_cache (turn_id);
comment on table answer_cache is
    'Drafts to questions without personal context, with price references and no amounts. `version` is a hash of all facts '
    'and prompts behind them, so a change of any leaves them unread. They go with the turn they were written in.';

call isolate_by_tenant(array['conversation_summaries', 'answer_cache']);

alter table messages drop constraint messages_source_check;
alter table messages add constraint messages_source_check check (source in ('claude', 'local', 'rule', 'cache'));
