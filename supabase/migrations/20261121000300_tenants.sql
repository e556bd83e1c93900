-- Who we answer for and what they have published. Every table: tenant_id, row level security forced, one policy.

create table tenants (
    id uuid primary key,
    slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text not null,
    quiet_s double precision not null default 3 check (quiet_s >= 0),
    max_wait_s double precision not null default 12 check (max_wait_s >= quiet_s),
    profile jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table tenants is 'A business we answer for. `profile` is the tenant file without catalogue and passages.';

create table members (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    email text not null,
    name text not null,
    role text not null check (role in ('viewer', 'reviewer', 'manager')),
    created_at timestamptz not null default now()
);
create unique index members_email on members (tenant_id, lower(email));
comment on table members is 'Staff of a tenant, who read, review and take over in the inbox.';

create table channel_accounts (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    channel text not null check (channel in ('whatsapp', 'sms', 'email')),
    address text not null,
    provider text not null check (provider in ('twilio', 'email', 'simulator')),
    created_at timestamptz not null default now(),
    unique (tenant_id, id)
);
create unique index channel_accounts_address on channel_accounts (channel, lower(address));
comment on table channel_accounts is 'A number or address of a tenant. One address belongs to one tenant.';

create table catalogue_items (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    sku text not null,
    position int not null,
    content jsonb not null,
    unique (tenant_id, sku),
    unique (tenant_id, id)
);
comment on table catalogue_items is 'What a tenant sells: names, descriptions, instalments and discounts in `content`.';

create table price_rules (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    item_id uuid not null,
    position int not null,
    amount_minor bigint not null check (amount_minor >= 0),
    currency char(3) not null,
    unit text not null,
    valid_from date,
    valid_to date,
    check (valid_to >= valid_from),
    foreign key (tenant_id, item_id) references catalogue_items (tenant_id, id) on delete cascade
);
create index price_rules_item on price_rules (tenant_id, item_id);
comment on table price_rules is 'Published prices, in minor units; days are inclusive, in the tenant''s time zone.';

create table documents (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    name text not null,
    content_hash text not null,
    created_at timestamptz not null default now(),
    unique (tenant_id, name),
    unique (tenant_id, id)
);
comment on table documents is 'A source of knowledge: the tenant file, or an imported document.';

create table passages (
    id uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    document_id uuid not null,
    position int not null,
    key text not null,
    kind text not null check (kind in ('fact', 'policy')),
    content jsonb not null,
    unique (tenant_id, document_id, key),
    foreign key (tenant_id, document_id) references documents (tenant_id, id) on delete cascade
);
comment on table passages is 'A fact or policy of a document, by language: the unit of retrieval.';

call isolate_by_tenant(array['members', 'channel_accounts', 'catalogue_items', 'price_rules', 'documents', 'passages']);

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_isolation on tenants to nightshift_app
    using (id = (select current_tenant())) with check (id = (select current_tenant()));
grant select, insert, update, delete on tenants to nightshift_app;
