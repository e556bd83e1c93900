-- What we start ourselves can be stored, and every outbound message keeps the verdicts of its latest check.
alter table messages drop constraint messages_purpose_check;
alter table messages add constraint messages_purpose_check
    check (purpose in ('reply', 'opt_out_confirmation', 'opt_in_confirmation', 'help', 'follow_up'));

alter table messages add column verdicts jsonb not null default '[]';
comment on column messages.verdicts is
    'Outbound only: what each guardrail said when the text was checked last, with rule, version, span and evidence.';
