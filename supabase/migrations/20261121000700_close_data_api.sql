-- Supabase grants every new object in `public` to its API roles by default, by name: tables are shut by row level
-- security (no policy names these roles), but functions would run. Staff and prospects never use that API; the
-- application has a role of its own. Where the roles do not exist (plain PostgreSQL) nothing happens.
do $$
declare
    r text;
begin
    foreach r in array array['anon', 'authenticated', 'service_role'] loop
        continue when not exists (select from pg_roles where rolname = r);
        execute format('revoke all on all tables in schema public, jobs from %I', r);
        execute format('revoke all on all sequences in schema public, jobs from %I', r);
        execute format('revoke all on all routines in schema public, jobs from %I', r);
        execute format('alter default privileges in schema public revoke all on tables from %I', r);
        execute format('alter default privileges in schema public revoke all on sequences from %I', r);
        execute format('alter default privileges in schema public revoke all on routines from %I', r);
    end loop;
    revoke execute on all routines in schema public from public;
    grant execute on all functions in schema public to nightshift_app;
end
$$;
