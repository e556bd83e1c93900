-- Who is who: several addresses of one WhatsApp account, one person on several channels, contacts joined and parted by staff.
--
-- Whoever changes whose an address is locks contact points first, then conversations, contacts, suppressions; within
-- each by id. A message locks its sender's points and then one conversation, a turn its conversation and then the rest:
-- nobody goes the other way round, so nobody waits in a circle.
--
-- Code that knows nothing of the new columns works on: `receive_inbound` takes what it took before.

alter table contacts
    add column merged_into uuid,
    add foreign key (tenant_id, merged_into) references contacts (tenant_id, id) on delete cascade;
create index contacts_merged_into on contacts (merged_into) where merged_into is not null;
comment on column contacts.merged_into is 'The contact that has all its addresses now, until the merge is undone; null: it has its own.';

alter table contact_points
    add column alias_of uuid,
    add foreign key (tenant_id, alias_of) references contact_points (tenant_id, id) on delete set null (alias_of);
create index contact_points_alias on contact_points (alias_of) where alias_of is not null;
comment on column contact_points.alias_of is
    'The first known address of the same WhatsApp account, by the provider''s word: a number and its user ids share their '
    'conversations. Null: this is the first.';
comment on table contact_points is '`address` is the newest received form; `normalised` is only for matching.';

alter table conversations add column contact_address text;
comment on column conversations.contact_address is
    'Where the contact last wrote from in this conversation, as received: there the answer goes. Null: the contact point''s.';

create table contact_merges (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    kept_id uuid not null,
    merged_id uuid not null,
    actor text not null,
    moved jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    undone_at timestamptz,
    undone_by text,
    check (kept_id <> merged_id),
    check ((undone_at is null) = (undone_by is null)),
    foreign key (tenant_id, kept_id) references contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, merged_id) references contacts (tenant_id, id) on delete cascade
);
create unique index contact_merges_standing on contact_merges (merged_id) where undone_at is null;
create index contact_merges_kept on contact_merges (kept_id);
comment on table contact_merges is
    'Two contacts that are one person, says `actor`. `moved` has the ids of what went over (`points`, `conversations`, '
    '`suppressions`), of the keeper''s own points (`kept_points`), of what protected either (`active`), and the fields that '
    'the keeper took over (`filled`): enough to part them again.';
call isolate_by_tenant(array['contact_merges']);

create function lock_contacts(p_contacts uuid[]) returns void language plpgsql as $$
begin
    perform 1 from contact_points where contact_id = any(p_contacts) order by id for no key update;
    perform 1 from conversations where contact_id = any(p_contacts) order by id for no key update;
    perform 1 from contacts where id = any(p_contacts) order by id for no key update;
    perform 1 from suppressions where contact_id = any(p_contacts) order by id for no key update;
end
$$;
comment on function lock_contacts is 'Lock everything that says whose an address is, in the one order there is.';

create function merge_contacts(p_id uuid, p_kept uuid, p_merged uuid, p_actor text) returns boolean
    language plpgsql as $$
declare
    kept contacts;
    merged contacts;
begin
    perform lock_contacts(array[p_kept, p_merged]);
    select * into kept from contacts where id = p_kept and merged_into is null;
    select * into merged from contacts where id = p_merged and merged_into is null and id <> p_kept;
    if kept.id is null or merged.id is null then
        return false;
    end if;
    insert into contact_merges (id, tenant_id, kept_id, merged_id, actor, moved)
        values (p_id, kept.tenant_id, kept.id, merged.id, p_actor, jsonb_build_object(
            'points', array(select id from contact_points where contact_id = p_merged),
            'kept_points', array(select id from contact_points where contact_id = p_kept),
            'conversations', array(select id from conversations where contact_id = p_merged),
            'suppressions', array(select id from suppressions where contact_id = p_merged),
            'active', array(select id from suppressions where contact_id in (p_kept, p_merged) and lifted_at is null),
            'filled', jsonb_strip_nulls(jsonb_build_object(
                'name', case when kept.name is null then merged.name end,
                'language', case when kept.language is null then merged.language end,
                'timezone', case when kept.timezone is null then merged.timezone end))));
    update contact_points set contact_id = p_kept where contact_id = p_merged;
    update conversations set contact_id = p_kept where contact_id = p_merged;
    update suppressions set contact_id = p_kept where contact_id = p_merged;
    update contacts set name = coalesce(name, merged.name), language = coalesce(language, merged.language),
        timezone = coalesce(timezone, merged.timezone) where id = p_kept;
    update contacts set merged_into = p_kept where id = p_merged;
    insert into events (tenant_id, kind, actor, data) values (kept.tenant_id, 'contact.merged', p_actor,
        jsonb_build_object('merge', p_id, 'kept', p_kept, 'merged', p_merged));
    return true;
end
$$;
comment on function merge_contacts is
    'Give all that `p_merged` has to `p_kept`, and note what; false: one of them does not exist, is merged already, or they are the same.';

create function known_addresses(p_addresses jsonb,
    out points uuid[], out contacts uuid[], out roots uuid[], out respelled boolean
) language sql stable as $$
    select array_agg(p.id), array_agg(distinct p.contact_id order by p.contact_id),
           array_agg(distinct coalesce(p.alias_of, p.id) order by coalesce(p.alias_of, p.id)), bool_or(p.address <> n.address)
    from jsonb_to_recordset(p_addresses) as n(kind text, address text, normalised text)
    join contact_points p on p.tenant_id = (select current_tenant()) and p.kind = n.kind and p.normalised = n.normalised
$$;
comment on function known_addresses is 'What is known of these addresses, the oldest contact and account first.';

create function resolve_sender(p_addresses jsonb, p_contact_id uuid, p_name text,
    out contact_id uuid, out point_id uuid, out root_id uuid
) language plpgsql as $$
declare
    tenant constant uuid := current_tenant();
    known record;
    made boolean := false;
begin
    loop  -- each time round, somebody else who was first has committed
        select * into known from known_addresses(p_addresses);
        for other in 2..coalesce(cardinality(known.contacts), 0) loop
            perform merge_contacts(gen_random_uuid(), known.contacts[1], known.contacts[other], 'provider');
        end loop;
        perform 1 from contact_points p where p.id = any(known.points || known.roots) order by p.id for no key update;
        select * into known from known_addresses(p_addresses);
        exit when cardinality(known.points) = jsonb_array_length(p_addresses) and cardinality(known.contacts) = 1;

        if known.contacts is null and not made then
            insert into contacts (id, tenant_id, name) values (p_contact_id, tenant, p_name);
            made := true;
        end if;
        insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
            select n.id, tenant, coalesce(known.contacts[1], p_contact_id), n.kind, n.address, n.normalised
            from jsonb_to_recordset(p_addresses) as n(id uuid, kind text, address text, normalised text)
            order by n.kind, n.normalised
            on conflict do nothing;
        if found and known.contacts is not null then
            insert into events (tenant_id, kind, actor, data) values (tenant, 'contact.address_added', 'provider',
                jsonb_build_object('contact', known.contacts[1]));
        end if;
    end loop;
    contact_id := known.contacts[1];
    root_id := known.roots[1];
    if made and contact_id <> p_contact_id then
        delete from contacts c where c.id = p_contact_id and c.merged_into is null;  -- made in vain
    end if;
    if cardinality(known.roots) > 1 then
        update contact_points p set alias_of = root_id
            where (p.id = any(known.roots) or p.alias_of = any(known.roots)) and p.id <> root_id;
    end if;
    if known.respelled then
        update contact_points p set address = n.address
            from jsonb_to_recordset(p_addresses) as n(kind text, address text, normalised text)
            where p.tenant_id = tenant and p.kind = n.kind and p.normalised = n.normalised and p.address <> n.address;
    end if;
    select p.id into point_id from contact_points p
        where p.tenant_id = tenant and p.kind = p_addresses->0->>'kind' and p.normalised = p_addresses->0->>'normalised';
end
$$;
comment on function resolve_sender is
    'Whose message this is, by all addresses that the provider names for its sender, the one it came from first; made at the '
    'first message. Addresses that come together are one WhatsApp account, whatever was known of them before: `root_id` is '
    'the first of them, by which all its conversations are found.';

drop function receive_inbound(text, text, text, text, text, text, text, uuid, text, text, text, jsonb, jsonb,
    boolean, boolean, text[], uuid, uuid, uuid, timestamptz);

-- As before; a sender may have several addresses (`p_also`), and the answer goes to the one they wrote from last.
create function receive_inbound(
    p_channel text, p_provider text, p_recipient text,
    p_kind text, p_sender text, p_normalised text, p_sender_name text,
    p_message_id uuid, p_provider_id text, p_body text, p_subject text, p_media jsonb, p_raw jsonb,
    p_automatic boolean, p_opt_out_handled boolean, p_references text[],
    p_contact_id uuid, p_point_id uuid, p_conversation_id uuid, p_received_at timestamptz,
    p_also jsonb default '[]',
    out outcome text, out tenant_id uuid, out conversation_id uuid
) language plpgsql as $$
declare
    account record;
    settings record;
    sender record;
    threads uuid[];
    state text;  -- stays null for a new conversation, which begins as its first message makes it
begin
    select * into account from find_channel_account(p_channel, p_recipient);
    if account.account_id is null or account.account_provider <> p_provider then
        outcome := 'unknown_recipient';
        return;
    end if;
    tenant_id := account.account_tenant_id;
    perform set_config('nightshift.tenant_id', tenant_id::text, true);
    select t.quiet_s, t.max_wait_s into settings from tenants t where t.id = receive_inbound.tenant_id;

    select * into sender from resolve_sender(
        jsonb_build_object('id', p_point_id, 'kind', p_kind, 'address', p_sender, 'normalised', p_normalised) || p_also,
        p_contact_id, p_sender_name);
    threads := array(select c.id from conversations c
        where c.channel_account_id = account.account_id and c.contact_point_id in (
            select p.id from contact_points p where p.id = sender.root_id or p.alias_of = sender.root_id));
    if cardinality(threads) > 1 then
        select m.conversation_id into conversation_id from messages m
            where m.conversation_id = any(threads) and m.provider_id = p_provider_id;
        if found then
            outcome := 'duplicate';  -- of a message from before we knew that these were one
            return;
        end if;
    end if;

    select c.id, c.turn_state into conversation_id, state from conversations c
        where c.id = any(threads) order by c.last_inbound_at desc nulls last, c.id limit 1 for update;
    if conversation_id is null then
        insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, contact_address,
                                   turn_state, last_inbound_at, first_unread_at, wake_at)
            values (p_conversation_id, tenant_id, sender.contact_id, sender.point_id, account.account_id, p_sender,
                    'queued', p_received_at, clock_timestamp(), clock_timestamp() + settings.quiet_s * interval '1 s');
        conversation_id := p_conversation_id;
    end if;

    insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, provider_id, body,
                          subject, media, raw, automatic, provider_handled_opt_out, thread_references, created_at)
        values (p_message_id, tenant_id, conversation_id, account.account_id, 'inbound', 'contact', p_provider_id, p_body,
                p_subject, p_media, p_raw, p_automatic, p_opt_out_handled, p_references, p_received_at)
        on conflict do nothing;  -- the same provider id in the same conversation
    if not found then
        outcome := 'duplicate';
        return;
    end if;

    if state is not null then
        update conversations c set
            contact_address = p_sender,
            last_inbound_at = greatest(c.last_inbound_at, p_received_at),
            first_unread_at = coalesce(c.first_unread_at, clock_timestamp()),
            wake_at = case
                when c.turn_state = 'queued' and c.attempt > 0 then c.wake_at  -- backing off
                else least(coalesce(c.first_unread_at, clock_timestamp()) + settings.max_wait_s * interval '1 s',
                           clock_timestamp() + settings.quiet_s * interval '1 s') end,
            turn_state = case when c.turn_state in ('idle', 'waiting') then 'queued' else c.turn_state end
            where c.id = conversation_id;
    end if;
    if state is null or state in ('idle', 'waiting') then
        perform defer_job('turn', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id),
                          settings.quiet_s);
    end if;
    insert into events (tenant_id, kind, actor, conversation_id, message_id, data)
        values (tenant_id, 'message.received', 'contact', conversation_id, p_message_id,
                jsonb_build_object('channel', p_channel, 'provider_id', p_provider_id));
    outcome := 'stored';
end
$$;

do $$
declare f regprocedure;
begin
    foreach f in array array['lock_contacts(uuid[])', 'merge_contacts(uuid, uuid, uuid, text)',
        'known_addresses(jsonb)', 'resolve_sender(jsonb, uuid, text)']::regprocedure[] loop
        execute format('revoke execute on function %s from public', f);
        execute format('grant execute on function %s to nightshift_app', f);
    end loop;
end
$$;
revoke execute on function receive_inbound from public;
grant execute on function receive_inbound to nightshift_app;
