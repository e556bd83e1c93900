-- Roles and the tenant of a transaction.
--
-- nightshift_app     what web, worker and clock run as. Owns nothing, bypasses nothing: row level security is
--                    forced on every table it can reach (promise P7).
-- nightshift_router  nobody logs in as it. It owns the few functions that must look across tenants (whose number
--                    is this, which conversations are due) and may read only what those need.
--
-- Old code is not affected: this is the first migration.
do $$
begin
    if not exists (select from pg_roles where rolname = 'nightshift_app') then
        create role nightshift_app nologin noinherit nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'nightshift_router') then
        create role nightshift_router nologin noinherit nobypassrls;
    end if;
    -- The migrating user hands functions to nightshift_router, and an administrator's DATABASE_URL must be able to
    -- become nightshift_app. A superuser may do both without these grants.
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant nightshift_app, nightshift_router to %I', current_user);
    end if;
end
$$;

grant usage on schema public to nightshift_app, nightshift_router;

create function current_tenant() returns uuid
    language sql stable
    set search_path = ''
    return nullif(current_setting('nightshift.tenant_id', true), '')::uuid;
comment on function current_tenant() is
    'Tenant of the current transaction (set with set_config(''nightshift.tenant_id'', id, true)); null: none, sees nothing.';

create procedure isolate_by_tenant(p_tables text[])
    language plpgsql as $$
declare t text;
begin
    foreach t in array p_tables loop
        execute format('alter table public.%I enable row level security', t);
        execute format('alter table public.%I force row level security', t);
        execute format(
            'create policy tenant_isolation on public.%I to nightshift_app '
            'using (tenant_id = (select public.current_tenant())) with check (tenant_id = (select public.current_tenant()))',
            t);
        execute format('grant select, insert, update, delete on public.%I to nightshift_app', t);
    end loop;
end
$$;
comment on procedure isolate_by_tenant(text[]) is
    'For migrations: gives new tables row level security, forced, and the one policy every tenant table has.';
revoke execute on procedure isolate_by_tenant(text[]) from public;
