-- Nothing is seeded by SQL: a business is described by its tenant file, which is validated as a whole.
-- After `supabase db push` (or `nightshift migrate`) bring in the demo with
--
--     nightshift tenant apply agent/example_tenants/lumen.yaml
--
-- This file is here because the Supabase CLI expects it (`[db.seed]` in config.toml).
select 'apply tenants with: nightshift tenant apply agent/example_tenants/lumen.yaml' as hint;
