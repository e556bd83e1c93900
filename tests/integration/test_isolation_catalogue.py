"""Promise P7 in the catalogue: what the schema must say for tenants to be isolated, whoever adds a table later."""

from typing import Any

import pytest

from agent.store.db import APP_ROLE, Tx, fetch_one
from tests.integration.tenant_rows import list_tables, list_tenant_tables

WITHOUT_TENANT = {
    "system_events": ["INSERT"],
    "ticks": ["DELETE", "INSERT", "SELECT"],
    "outages": ["INSERT", "SELECT", "UPDATE"],
    "model_health": ["DELETE", "INSERT", "SELECT", "UPDATE"],
    "metric_totals": ["INSERT", "SELECT", "UPDATE"],
    "mailboxes": ["INSERT", "SELECT", "UPDATE"],
    "signin_attempts": ["DELETE", "INSERT", "SELECT", "UPDATE"],
    "prompt_links": ["INSERT", "SELECT", "UPDATE"],
}
"""Tables that hold no tenant's rows, and what the application may do there: `system_events` it cannot even read."""

DEFINER_FUNCTIONS = {
    "find_channel_account": "TABLE(account_id uuid, account_tenant_id uuid, account_provider text)",
    "find_tenant_id": "uuid",
    "find_mail_token": (
        "TABLE(found_tenant_id uuid, found_conversation_id uuid, found_address text, found_provider text)"
    ),
    "find_messages": "TABLE(found_id uuid, found_at timestamp with time zone, found_seq bigint)",
    "find_contacts": "SETOF uuid",
    "find_session_tenant": "uuid",
    "find_link_tenant": "uuid",
    "list_memberships": "TABLE(found_tenant_id uuid, found_member_id uuid)",
    "list_tenants": "TABLE(tenant_id uuid, tenant_slug text, tenant_name text)",
    "renew_leases": "SETOF uuid",
    "sweep_conversations": "TABLE(swept_tenant_id uuid, swept_id uuid)",
    "due_outbox": "TABLE(due_tenant_id uuid, due_id uuid)",
    "resume_waiting": "TABLE(resumed_tenant_id uuid, resumed_id uuid)",
    "resume_overdue": "TABLE(overdue_tenant_id uuid, overdue_id uuid)",
    "waiting_turns": "TABLE(priority smallint, turns bigint, oldest_since timestamp with time zone)",
    "claim_due_scores": "TABLE(score_tenant_id uuid, score_id uuid)",
    "mark_traces": "void",
    "claim_untold_turns": "TABLE(untold_tenant_id uuid, untold_id uuid)",
    "due_media": "TABLE(due_tenant_id uuid, due_message_id uuid)",
    "list_troubled_senders": "TABLE(channel text, address text, trouble text, waiting bigint)",
    "list_sweeps": (
        "TABLE(account_id uuid, tenant_id uuid, channel text, address text, swept_until timestamp with time zone, "
        "problem text)"
    ),
    "list_discarded_media": "TABLE(discarded_tenant_id uuid, discarded_id uuid)",
    "due_batches": "TABLE(due_tenant_id uuid, due_id uuid)",
    "tenants_to_seal": "TABLE(waiting_tenant_id uuid, waiting bigint, oldest_at timestamp with time zone)",
    "prune_events": "bigint",
    "open_requests": "TABLE(open bigint, late bigint)",
    "drifted_features": "TABLE(drifted_feature text, drifted_level text, tenants bigint)",
    "open_rollouts": "TABLE(open_tenant_id uuid, open_id uuid)",
    "backlog": "TABLE(queued bigint, running bigint, oldest_wake_at timestamp with time zone, outbox bigint)",
}
"""All that looks across tenants: it tells ids, names of tenants and counts, and no word of a prospect. `find_messages`
and `find_contacts` tell ids of the transaction's own tenant only: test_search.py."""

ROUTER_READS = {
    "channel_accounts": {
        "id",
        "tenant_id",
        "channel",
        "address",
        "provider",
        "swept_until",
        "sweep_problem",
        "trouble",
    },
    "tenants": {"id", "slug", "name"},
    "messages": {"id", "tenant_id", "channel_account_id", "state", "claimed_until", "not_before", "slot_at"},
    "conversations": {
        *("id", "tenant_id", "turn_state", "wake_at", "lease_token", "lease_until"),
        *("waiting_since", "wait_until", "priority", "is_resumed", "channel_account_id"),
    },
    "message_words": {"message_id", "tenant_id", "seq", "at", "words"},
    "contacts": {"id", "tenant_id", "merged_into", "words"},
    "mail_tokens": {"token", "tenant_id", "conversation_id", "purpose"},
    "media": {"tenant_id", "message_id", "state", "due_at"},
    "members": {"id", "tenant_id", "email", "auth_user_id", "disabled_at"},
    "staff_sessions": {"token_hash", "tenant_id"},
    "signin_links": {"token_hash", "tenant_id"},
    "media_discarded": {"media_id", "tenant_id", "discarded_at"},
    "unsealed_events": {"tenant_id", "event_id", "at"},
    "events": {"tenant_id", "id"},
    "event_seals": {"tenant_id", "seq", "event_id"},
    "rollouts": {"id", "tenant_id", "state"},
    "event_checkpoints": {"tenant_id", "seq"},
    "drift_readings": {"tenant_id", "feature", "measured_at", "level"},
    "escalations": {"state", "due_at", "snoozed_until"},
    "model_batches": {"id", "tenant_id", "state", "due_at", "claimed_until"},
    "outages": {"id", "reason", "started_at", "recovering_at", "at_once", "ended_at"},
    "scores": {"id", "tenant_id", "due_at", "attempts"},
    "turns": {"id", "tenant_id", "finished_at", "trace", "told_again_at"},
}
ROUTER_WRITES = {
    "conversations": {"turn_state", "wake_at", "lease_token", "lease_until", "is_resumed"},
    "outages": {"recovering_at", "ended_at"},
    "scores": {"due_at", "attempts"},
    "turns": {"trace", "told_again_at"},
}


async def fetch_all(tx: Tx, query: str, params: Any = None) -> list[dict[str, Any]]:
    return await (await tx.execute(query.encode(), params)).fetchall()


async def test_every_table_has_forced_row_security_and_a_policy_of_the_application(admin: Tx) -> None:
    tables = await fetch_all(
        admin,
        """select relname, relrowsecurity and relforcerowsecurity as is_forced,
               array(select concat_ws(' / ', polcmd, pg_get_expr(polqual, polrelid),
                                      pg_get_expr(polwithcheck, polrelid))
                     from pg_policy
                     where polrelid = c.oid and polpermissive and %s::regrole = any(polroles)) as policies
           from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')""",
        (APP_ROLE,),
    )
    owners = await list_tenant_tables(admin)
    assert {table["relname"] for table in tables if not table["is_forced"]} == set()
    for table in tables:
        if (name := table["relname"]) in WITHOUT_TENANT:
            continue
        mine = f"({owners[name]} = ( SELECT current_tenant() AS current_tenant))"
        assert table["policies"] == [f"* / {mine} / {mine}"], name


async def test_only_tables_without_tenants_rows_lack_a_tenant(admin: Tx) -> None:
    assert set(await list_tables(admin)) - set(await list_tenant_tables(admin)) == set(WITHOUT_TENANT)
    nullable = await fetch_all(
        admin,
        """select table_name from information_schema.columns
           where table_schema = 'public' and column_name = 'tenant_id' and is_nullable = 'YES'""",
    )
    assert nullable == []


async def test_tables_without_tenant_allow_no_more_than_they_must_and_name_no_tenant(admin: Tx) -> None:
    grants = await fetch_all(
        admin,
        """select table_name, array_agg(privilege_type::text order by privilege_type) as granted
           from information_schema.role_table_grants where grantee = %s and table_name = any(%s) group by 1""",
        (APP_ROLE, list(WITHOUT_TENANT)),
    )
    assert {row["table_name"]: row["granted"] for row in grants} == WITHOUT_TENANT
    columns = await fetch_all(
        admin,
        """select table_name, array_agg(column_name::text order by column_name) as columns
           from information_schema.columns where table_name = any(%s) group by 1""",
        (sorted(WITHOUT_TENANT.keys() - {"system_events"}),),
    )
    assert {row["table_name"]: row["columns"] for row in columns} == {
        "ticks": ["at", "key"],
        "outages": ["at_once", "ended_at", "id", "reason", "recovering_at", "started_at"],
        "model_health": ["error", "model", "provider", "since", "state", "updated_at", "worker"],
        "metric_totals": ["labels", "sample", "value"],
        "signin_attempts": ["attempts", "subject", "window_at"],
        "prompt_links": ["name", "number", "project", "version"],
        "mailboxes": ["error", "last_uid", "lease_token", "lease_until", "name", "read_at", "since", "uid_validity"],
    }


async def test_nothing_in_the_schema_reads_with_its_owners_rights_but_the_known_functions(admin: Tx) -> None:
    views = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm', 'f')"
    assert await fetch_all(admin, views) == []
    functions = await fetch_all(
        admin,
        """select proname, proowner::regrole::text as owner, proconfig, pg_get_function_result(p.oid) as result
           from pg_proc p join pg_namespace n on n.oid = pronamespace
           where prosecdef and nspname not in ('pg_catalog', 'information_schema')""",
    )
    assert {each["proname"]: each["result"] for each in functions} == DEFINER_FUNCTIONS
    for each in functions:
        assert (each["owner"], each["proconfig"]) == ("nightshift_router", ['search_path=""']), each["proname"]


async def test_the_router_reads_ids_and_states_and_nobody_can_become_it(admin: Tx) -> None:
    for privilege, expected in (("SELECT", ROUTER_READS), ("UPDATE", ROUTER_WRITES), ("INSERT", {})):
        rows = await fetch_all(
            admin,
            """select table_name, array_agg(column_name::text) as columns from information_schema.column_privileges
               where grantee = 'nightshift_router' and privilege_type = %s group by 1""",
            (privilege,),
        )
        assert {row["table_name"]: set(row["columns"]) for row in rows} == expected, privilege
    members = await fetch_all(
        admin,
        """select member::regrole::text, roleid::regrole::text as becomes, inherit_option as inherits
           from pg_auth_members where member::regrole::text like 'nightshift%'""",
    )
    assert members == [{"member": "nightshift_app", "becomes": "nightshift_staff", "inherits": False}]


@pytest.mark.parametrize("role", ["nightshift_app", "nightshift_router", "nightshift_staff"])
async def test_roles_are_plain(admin: Tx, role: str) -> None:
    row = await fetch_one(
        admin,
        """select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as is_mighty
           from pg_roles where rolname = %s""",
        (role,),
    )
    assert row == {"is_mighty": False}


async def test_the_application_owns_nothing(admin: Tx) -> None:
    owned = await fetch_all(
        admin,
        "select classid::regclass, objid from pg_shdepend where refobjid = %s::regrole and deptype = 'o'",
        (APP_ROLE,),
    )
    assert owned == []


async def test_the_public_may_use_the_schema_and_nothing_in_it(admin: Tx) -> None:
    granted = await fetch_all(
        admin,
        """select relname as name, privilege_type from pg_class, aclexplode(relacl)
           where relnamespace in ('public'::regnamespace, 'jobs'::regnamespace) and grantee = 0
           union all
           select proname, privilege_type from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
           where pronamespace = 'public'::regnamespace and grantee = 0
           union all
           select nspname, privilege_type from pg_namespace, aclexplode(nspacl)
           where nspname in ('public', 'jobs') and grantee = 0""",
    )
    assert granted == [{"name": "public", "privilege_type": "USAGE"}]


async def test_every_reference_between_tables_stays_within_the_tenant(admin: Tx) -> None:
    """Foreign keys are checked past row security: one without the tenant would let A hang rows on B's."""
    keys = await fetch_all(
        admin,
        """select conrelid::regclass::text || ': ' || pg_get_constraintdef(oid) as definition from pg_constraint
           where contype = 'f' and connamespace = 'public'::regnamespace and confrelid <> 'tenants'::regclass""",
    )
    astray = [key["definition"] for key in keys if key["definition"].count("(tenant_id, ") != 2]
    assert keys
    assert astray == []
