-- The month before: some 2,500 bursts of messages, more by day than by night and fewer at weekends, and what came of them.
select setseed(0.4);

create temporary table begun as
    select row_number() over (order by at) as n, at, random() as a, random() as b, random() as c,
           random() + random() + random() - 1.5 as bell
    from (select date_trunc('hour', now()) - random() * interval '30 days' as at, random() as luck
          from generate_series(1, 6400)) tried
    where luck < (case when extract(hour from at at time zone 'Europe/Madrid') between 9 and 21 then 0.85
                       when extract(hour from at at time zone 'Europe/Madrid') in (7, 8, 22, 23) then 0.4
                       else 0.08 end)
               * (case when extract(isodow from at at time zone 'Europe/Madrid') > 5 then 0.5 else 1 end)
               * (1 - 0.4 * extract(epoch from now() - at) / 2592000);

insert into contacts (id, tenant_id, name)
    select md5('k' || n)::uuid, %(tenant)s,
           (array['Marta', 'Pedro', 'Inés', 'Rui', 'Camila', 'Hugo', 'Olivia', 'Mateo'])[1 + n %% 8] || ' ' ||
           (array['Vidal', 'Pereira', 'Soto', 'Lopes', 'Castro', 'Hughes', 'Molina'])[1 + n %% 7]
    from generate_series(0, (select max(n) / 3 from begun)) n;

insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
    select md5('p' || n)::uuid, %(tenant)s, md5('k' || n)::uuid, 'phone', '+346990' || (10000 + n),
           '+346990' || (10000 + n)
    from generate_series(0, (select max(n) / 3 from begun)) n;

insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, language, last_inbound_at,
                           created_at)
    select md5('c' || n / 3)::uuid, %(tenant)s, md5('k' || n / 3)::uuid, md5('p' || n / 3)::uuid,
           (select id from channel_accounts where tenant_id = %(tenant)s and channel = 'whatsapp'),
           (array['es', 'es', 'pt', 'en'])[1 + n / 3 %% 4], max(at), min(at)
    from begun group by n / 3;

insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, decision, reason, error,
                   created_at, finished_at)
    select md5('t' || n)::uuid, %(tenant)s, md5('c' || n / 3)::uuid, case when c < 0.003 then 'failed' else 'done' end,
           n, n, md5('t' || n),
           jsonb_build_object('classification', jsonb_build_object(
               'intent', case when a < 0.34 then 'pricing' when a < 0.56 then 'product_question'
                              when a < 0.7 then 'scheduling' when a < 0.79 then 'greeting' when a < 0.86 then 'payment'
                              when a < 0.91 then 'ready_to_buy' when a < 0.95 then 'negotiation'
                              when a < 0.98 then 'human_request' else 'complaint' end,
               'stage', (array['new', 'exploring', 'comparing', 'deciding'])[1 + floor(b * 4)::int])),
           case when a > 0.91 or b < 0.05 then 'escalate' when b > 0.95 then 'nothing' else 'send' end, 'answered',
           case when c < 0.003 then 'TimeoutError: the retriever took too long' end,
           at, at + exp(1.25 + 0.55 * bell) * interval '1 s'
    from begun;

insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, created_at)
    select md5('i' || t.id || k)::uuid, t.tenant_id, t.conversation_id, v.channel_account_id, 'inbound', 'contact',
           '¿Cuánto cuesta el curso intensivo?', t.id, t.created_at
    from turns t join conversations v on v.id = t.conversation_id, generate_series(1, 1 + t.first_seq::int %% 2) k;

insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, created_at,
                      purpose, source, state, language)
    select md5('o' || t.id)::uuid, t.tenant_id, t.conversation_id, v.channel_account_id, 'outbound',
           case decision when 'send' then 'agent' else 'staff' end, 'El curso intensivo cuesta 399,00 €.', t.id,
           t.finished_at, 'reply', case decision when 'send' then 'claude' else 'staff' end, 'read', v.language
    from turns t join conversations v on v.id = t.conversation_id where decision in ('send', 'escalate');

insert into deliveries (id, tenant_id, message_id, attempt, state, claimed_at, finished_at)
    select md5('d' || id)::uuid, tenant_id, id, 1, 'accepted', created_at,
           created_at + (0.2 + 0.4 * random()) * interval '1 s'
    from messages where direction = 'outbound';

insert into delivery_statuses (id, tenant_id, message_id, state, received_at)
    select md5('s' || id)::uuid, tenant_id, id, 'delivered', created_at + (0.8 + 2 * random()) * interval '1 s'
    from messages where direction = 'outbound';

insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens, output_tokens,
                         cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome, tier, created_at)
    select md5('m' || t.id || x.tier)::uuid, tenant_id, t.id, x.task, 'anthropic', x.model, 'v', 1400, 120, 9000, 0,
           (x.cost * (0.7 + 0.6 * random()))::int, 900, case when random() < 0.012 then 'failed' else 'ok' end, x.tier,
           t.created_at
    from turns t,
         (values ('classify', 'fast', 'claude-haiku-5-5', 900, 1), ('draft', 'standard', 'claude-sonnet-5-5', 9500, 1),
                 ('draft', 'expert', 'claude-opus-5-5', 38000, 7)) x (task, tier, model, cost, each)
    where t.first_seq %% x.each = 0;

insert into escalations (id, tenant_id, conversation_id, turn_id, reason, cause, state, resolution, resolved_at,
                         resolved_by, created_at, due_at, waiting_since)
    select md5('e' || id)::uuid, tenant_id, conversation_id, id, 'settled',
           case steps #>> '{classification,intent}' when 'human_request' then 'asked' when 'complaint' then 'complaint'
               when 'negotiation' then 'deal'
               else (array['unsure', 'price', 'source', 'promise', 'agent_asks', 'unsure'])[1 + first_seq %% 6] end,
           'resolved', 'answered', finished_at + interval '14 min', %(member)s, finished_at,
           finished_at + interval '60 min', finished_at
    from turns where decision = 'escalate';

insert into reviews (id, tenant_id, conversation_id, turn_id, member_id, verdict, draft, created_at)
    select md5('v' || id)::uuid, tenant_id, conversation_id, id, %(member)s,
           case when abs(hashtext(id::text)) %% 100 < 63 then 'approved'
                when abs(hashtext(id::text)) %% 100 < 90 then 'edited' else 'rejected' end,
           'Borrador', finished_at + interval '14 min'
    from turns where decision = 'escalate';

analyze
