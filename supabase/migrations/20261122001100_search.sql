-- Search: messages by their words, contacts by names and addresses; whatever the case and the accents.
--
-- Row level security keeps PostgreSQL from asking an index for words (`@@` could tell of rows that are not one's own),
-- so two functions of nightshift_router ask it. They tell ids of the transaction's own tenant and nothing else; the rows
-- are then read under row level security. The tenant, the channel and the author are lexemes beside the words (in upper
-- case, which no word is), so that one look at the index finds what all of them have in common.
--
-- Code that knows nothing of this works on: triggers keep the words, which go with the row they are of.

create function fold_text(p_text text) returns text
    language sql immutable set search_path = ''
    return lower(regexp_replace(normalize(p_text, NFKD), U&'[\0300-\036F]', '', 'g'));
comment on function fold_text is 'A text as it is looked for: in lower case, without accents.';

create function fold_words(p_text text) returns text[]
    language sql immutable set search_path = ''
    return array(
        select left(word, 60) from regexp_split_to_table(
            public.fold_text(left(p_text, 20000)),
            '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u303f\ufe0f\U0001f000-\U0001faff]+')
            with ordinality as each (word, place)
        where word <> '' order by place);
comment on function fold_words is
    'The words of a text, folded, in their order: whatever stands between punctuation, symbols and spaces. Of a long text '
    'the first 20,000 characters.';

create function search_query(p_words text[], p_whole_below int, p_lexemes text[]) returns tsquery
    language sql immutable set search_path = ''
    return (
        select string_agg('''' || lexeme || '''' || suffix, ' & ')::tsquery from (
            select word as lexeme, case when length(word) < p_whole_below then '' else ':*' end as suffix
            from unnest(p_words[:8]) word
            union all
            select lexeme, '' from unnest(p_lexemes) lexeme where lexeme is not null) parts);
comment on function search_query is
    'What finds texts that have all of some folded words, or words that begin with them, and all of some lexemes. Words '
    'shorter than `p_whole_below` are looked for as they are: too many begin with them.';

-- Messages. A table of its own: rows of `messages` change with every tick, their words do not.
create table message_words (
    message_id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    seq bigint not null,
    at timestamptz not null,
    words tsvector not null,
    foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
comment on table message_words is 'What messages are found by: their words, folded, and who wrote them on which channel.';

create function list_message_words(p_message messages) returns tsvector
    language sql stable set search_path = ''
    return array_to_tsvector(
        public.fold_words(concat_ws(' ', (p_message).subject, (p_message).body))
        || array['TENANT ' || (p_message).tenant_id, 'BY ' || (p_message).author,
                 'ON ' || (select channel from public.channel_accounts where id = (p_message).channel_account_id)]);

create function keep_message_words() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    insert into public.message_words (message_id, tenant_id, seq, at, words)
        values (new.id, new.tenant_id, new.seq, new.created_at, public.list_message_words(new))
        on conflict (message_id) do update set words = excluded.words;
    return null;
end
$$;
insert into message_words (message_id, tenant_id, seq, at, words)
    select id, tenant_id, seq, created_at, list_message_words(m) from messages m;
create trigger keep_message_words after insert or update of body, subject on messages
    for each row execute function keep_message_words();
create function forget_message_words() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    delete from public.message_words where message_id = new.id;
    return null;
end
$$;
comment on function forget_message_words is 'What was written and never sent was not said: it is not found.';
delete from message_words w using messages m where m.id = w.message_id and m.state = 'superseded';
create trigger forget_message_words after update of state on messages
    for each row when (new.state = 'superseded') execute function forget_message_words();
create index message_words_newest on message_words (tenant_id, at desc, seq desc);
-- What is put off is put in by whoever writes next: little at a time, and not a whole second of somebody's.
create index message_words_words on message_words using gin (words) with (gin_pending_list_limit = 256);
call isolate_by_tenant(array['message_words']);
call open_to_staff(array['message_words'], p_writes => 'reviewer', p_deletes => 'reviewer');

-- Contacts: by words of their name and addresses, and by any part of a number that has four digits or more.
alter table contacts add column words tsvector not null default '';
create function list_contact_words(p_contact contacts) returns tsvector
    language sql stable set search_path = ''
    return array_to_tsvector(
        public.fold_words(p_contact.name) || array['TENANT ' || p_contact.tenant_id]
        || array(select word from public.contact_points p, unnest(public.fold_words(p.normalised)) word
                 where p.contact_id = p_contact.id)
        || array(select substr(number, place) from (
                     select regexp_replace(normalised, '\D', '', 'g') as number from public.contact_points
                     where contact_id = p_contact.id and kind = 'phone') phones,
                 generate_series(2, length(number) - 3) place));
comment on function list_contact_words is 'What a contact is found by. Of a number, every end: a part of it is the beginning of one.';

create function keep_contact_words() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    new.words := public.list_contact_words(new);
    return new;
end
$$;
create function renew_contact_words() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    update public.contacts set name = name where id = new.contact_id or (tg_op = 'UPDATE' and id = old.contact_id);
    return null;
end
$$;
create trigger keep_contact_words before insert or update of name on contacts
    for each row execute function keep_contact_words();
create trigger renew_contact_words after insert or update of contact_id, normalised on contact_points
    for each row execute function renew_contact_words();
update contacts set name = name;
create index contacts_newest on contacts (tenant_id, id) where merged_into is null;
create index contacts_words on contacts using gin (words) with (gin_pending_list_limit = 256);

-- Labels: conversations that have any, so that those with a certain one are found among few.
create index conversations_labelled on conversations (tenant_id, last_inbound_at desc nulls last, id) where labels <> '{}';

create policy router_reads on message_words for select to nightshift_router using (true);
create policy router_reads on contacts for select to nightshift_router using (true);
grant select (message_id, tenant_id, seq, at, words) on message_words to nightshift_router;
grant select (id, tenant_id, merged_into, words) on contacts to nightshift_router;

-- Many have a common word: then enough of the newest do, and those are looked at first; if a few have it, more of them.
-- Of a word that the newest do not have, the index names all.
create function find_messages(
    p_text text, p_channel text, p_author text, p_since timestamptz, p_until timestamptz, p_before_seq bigint, p_limit int
) returns table (found_id uuid, found_at timestamptz, found_seq bigint)
    language plpgsql stable rows 50 security definer set search_path = ''
as $$
declare
    tenant constant uuid := public.current_tenant();
    words constant text[] := public.fold_words(p_text);
    wanted constant tsquery := public.search_query(
        words, 3, array['TENANT ' || tenant, 'ON ' || p_channel, 'BY ' || p_author]);
    until constant timestamptz := coalesce(p_until, 'infinity');
    before_seq constant bigint := coalesce(p_before_seq, 9223372036854775807);
    since constant timestamptz := coalesce(p_since, '-infinity');
    depth int;
    looked int;
    found uuid[];
begin
    if tenant is null or cardinality(words) = 0 then
        return;
    end if;
    foreach depth in array array[3000, 24000] loop
        select array_agg(newest.message_id order by newest.at desc, newest.seq desc) filter (where newest.words @@ wanted),
               count(*) into found, looked from (
            select w.message_id, w.at, w.seq, w.words from public.message_words w
            where w.tenant_id = tenant and (w.at, w.seq) < (until, before_seq) and w.at >= since
            order by w.at desc, w.seq desc limit depth) newest;
        if cardinality(found) >= p_limit or looked < depth then
            return query
                select w.message_id, w.at, w.seq from unnest(found[:p_limit]) as each (id)
                join public.message_words w on w.message_id = each.id order by w.at desc, w.seq desc;
            return;
        end if;
        exit when coalesce(cardinality(found), 0) * 8 < p_limit;
    end loop;
    return query execute
        'with named as materialized (
             select message_id, tenant_id, at, seq from public.message_words where words @@ $1)
         select message_id, at, seq from named
         where tenant_id = $2 and (at, seq) < ($3, $4) and at >= $5 order by at desc, seq desc limit $6'
        using wanted, tenant, until, before_seq, since, p_limit;
end
$$;
comment on function find_messages is
    'Ids of the tenant''s messages that have all words of a text, or words that begin with them; the newest first. `p_until` '
    'and `p_before_seq` are the time and number of the last one of the page before.';

create function find_contacts(p_text text, p_before uuid, p_limit int) returns setof uuid
    language plpgsql stable rows 50 security definer set search_path = ''
as $$
declare
    looked_at constant int := 400;
    tenant constant uuid := public.current_tenant();
    digits constant text := regexp_replace(p_text, '\D', '', 'g');
    words constant text[] := case when length(digits) >= 4 and p_text !~ '[[:alpha:]@]'
                                  then array[digits] else public.fold_words(p_text) end;
    wanted constant tsquery := public.search_query(words, 1, array['TENANT ' || tenant]);
    found uuid[];
    looked int;
begin
    if tenant is null or cardinality(words) = 0 then
        return;
    end if;
    select array_agg(newest.id order by newest.id desc) filter (where newest.words @@ wanted), count(*)
        into found, looked from (
        select c.id, c.words from public.contacts c
        where c.tenant_id = tenant and c.merged_into is null and (p_before is null or c.id < p_before)
        order by c.id desc limit looked_at) newest;
    if cardinality(found) >= p_limit or looked < looked_at then
        return query select unnest(found[:p_limit]);
    else
        return query execute
            'with named as materialized (
                 select id, tenant_id, merged_into from public.contacts where words @@ $1)
             select id from named
             where tenant_id = $2 and merged_into is null and ($3 is null or id < $3) order by id desc limit $4'
            using wanted, tenant, p_before, p_limit;
    end if;
end
$$;
comment on function find_contacts is
    'Ids of the tenant''s contacts that have all words of a text in their name or addresses, or a number that has its '
    'digits; the newest first, from before `p_before` on.';

do $$
declare f regprocedure;
begin
    foreach f in array array['fold_text(text)', 'fold_words(text)', 'search_query(text[], int, text[])',
        'list_message_words(messages)', 'list_contact_words(contacts)', 'keep_message_words()', 'forget_message_words()',
        'keep_contact_words()', 'renew_contact_words()', 'find_messages(text, text, text, timestamptz, timestamptz, bigint, int)',
        'find_contacts(text, uuid, int)']::regprocedure[] loop
        execute format('revoke execute on function %s from public', f);
    end loop;
    grant execute on function fold_text(text), fold_words(text), search_query(text[], int, text[])
        to nightshift_app, nightshift_staff, nightshift_router;
    grant execute on function list_message_words(messages), list_contact_words(contacts) to nightshift_app, nightshift_staff;
    grant create on schema public to nightshift_router;
    foreach f in array array['find_messages(text, text, text, timestamptz, timestamptz, bigint, int)',
        'find_contacts(text, uuid, int)']::regprocedure[] loop
        execute format('alter function %s owner to nightshift_router', f);
        execute format('grant execute on function %s to nightshift_app, nightshift_staff', f);
    end loop;
    grant execute on function current_tenant() to nightshift_router;
    revoke create on schema public from nightshift_router;
end
$$;
