"""Rows as an attacker would have them: wherever a text of a prospect, a mail, a model or a colleague is kept, there is
one that would run as script, or break out of where it is shown, if it were not escaped."""

from dataclasses import replace
from typing import Any

from psycopg import sql
from psycopg.errors import IntegrityError, StringDataRightTruncation
from psycopg.types.json import Jsonb

from agent.language import LanguageDetector
from agent.store.tenants import get_tenant_file, update_published
from agent.tenant.file import from_document, to_document
from agent.types import Claim
from tests.conftest import FakeClock
from tests.integration.agents import build_agent
from tests.integration.inbox_site import Site
from tests.integration.tenant_rows import list_tenant_tables

TAG = "xss-tag"
BAD = f"""\"'></textarea></title></script><{TAG} onclick=x href=javascript:x><img src=x onerror=x class={TAG}>"""
SHORT = f"""'\"><{TAG} onclick=x>"""
"""For where little fits."""
CODES = frozenset(
    {
        "address", "announced_type", "approval", "approved_type", "author", "category", "cause", "channel",
        "content_key", "content_type", "csrf_token", "currency", "decision", "direction", "effect",
        "error_code", "hold", "key", "kind", "language", "location", "mode", "model",
        "normalised", "outcome", "owner", "provider", "provider_id", "purpose", "role", "scope", "sha256",
        "shortcut", "sid", "sku", "slug", "source", "stage", "state", "task", "tier", "timezone", "trace_id",
        "trust", "turn_state", "type", "unit", "url", "verdict", "version",
    }
)  # fmt: skip
"""Columns of words that code chooses, or that are looked things up by."""


async def poison(site: Site, detector: LanguageDetector) -> int:
    """Put bad texts into every text column of our tenant's rows; return into how many."""
    await _publish_bad_texts(site)
    await _copy_a_turn(site, detector)
    await _lift_triggers(site)
    await _poison_json(site)
    count = 0
    columns = await (
        await site.admin.execute(
            """select table_name, column_name, udt_name from information_schema.columns
               where table_schema = 'public' and udt_name in ('text', '_text') and is_generated = 'NEVER'
               order by 1, 2"""
        )
    ).fetchall()
    owners = await list_tenant_tables(site.admin)
    for column in columns:
        table, name = column["table_name"], column["column_name"]
        if table in owners and name not in CODES and table not in {"documents", "passages", "catalogue_items"}:
            count += await _poison_column(site, table, name, owners[table], is_list=column["udt_name"] == "_text")
    return count


async def _lift_triggers(site: Site) -> None:
    """Let rows be changed that none may change, as events."""
    tables = await (
        await site.admin.execute(
            """select distinct tgrelid::regclass::text as name from pg_trigger join pg_class c on c.oid = tgrelid
               where not tgisinternal and relnamespace = 'public'::regnamespace"""
        )
    ).fetchall()
    for table in tables:
        await site.admin.execute(sql.SQL("alter table {} disable trigger user").format(sql.Identifier(table["name"])))


async def _poison_column(site: Site, table: str, column: str, owner: str, *, is_list: bool) -> bool:
    """Write the longest bad text that the column takes, after what makes it different in each row."""
    for bad in (BAD, SHORT):
        value = sql.SQL("array[{}]").format(sql.Literal(bad)) if is_list else sql.Literal(bad)
        for different in (value, sql.SQL("{} || md5(t::text)").format(sql.Literal(bad))):
            query = sql.SQL("update {} t set {} = {} where {} = {} and {} is not null").format(
                *(sql.Identifier(table), sql.Identifier(column), different),
                *(sql.Identifier(owner), sql.Literal(site.ours.tenant), sql.Identifier(column)),
            )
            try:
                async with site.admin.transaction():
                    return (await site.admin.execute(query)).rowcount > 0
            except (IntegrityError, StringDataRightTruncation):
                continue
    return False


async def _publish_bad_texts(site: Site) -> None:
    """Have every longer text of catalogue, policies and facts be a bad one."""
    async with site.deps.db.tenant(site.ours.tenant) as tx:
        document = to_document(await get_tenant_file(tx, site.ours.tenant))
        for part in ("catalogue", "policies", "facts"):
            document[part] = _spoilt(document[part])
        await update_published(tx, from_document(document))


def _spoilt(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {key: _spoilt(each, key) for key, each in value.items()}
        case list():
            return [_spoilt(each, name) for each in value]
        case str() if len(value) > 20 and name not in {"id", "sku"}:
            return f"{value} {BAD}"
        case _:
            return value


async def _copy_a_turn(site: Site, detector: LanguageDetector) -> None:
    """Have the models answer another tenant badly, and put what was written down of it into our own turn and texts."""
    clock = site.deps.now
    if not isinstance(clock, FakeClock):
        raise TypeError("the site's clock is a test's")
    agent = await build_agent(site.deps.db, clock, detector)
    agent.models.texts = (f"Hola {BAD}",)
    agent.models.draft_fields = {
        "needs_human": True,
        "human_reason": BAD,
        "claims": (Claim(text=BAD, source=f"fact:{BAD}"),),
        "model": BAD,
    }
    agent.models.classification = replace(agent.models.classification, entities={"budget": BAD, BAD: BAD}, model=BAD)
    await agent.answer(await agent.hear(f"Hola {BAD}"))
    for table, columns in {
        "turns": ("steps", "reason"),
        "escalations": ("reason", "detail", "draft", "verdicts", "proposal"),
    }.items():
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        query = sql.SQL(
            "update {t} set ({c}) = (select {c} from {t} where tenant_id = {theirs} limit 1) where tenant_id = {ours}"
        )
        ids = {"theirs": sql.Literal(agent.tenant_id), "ours": sql.Literal(site.ours.tenant)}
        await site.admin.execute(query.format(t=sql.Identifier(table), c=names, **ids))


async def _poison_json(site: Site) -> None:
    """Put bad texts where documents hold some, in the form in which they do."""
    for query, value in {
        "update settings_changes set before = %s": {"name": BAD},
        "update settings_changes set after = %s": {"name": BAD, "text": {"es": BAD}},
        "update templates set types = %s": {"twilio/text": {"body": BAD}},
        "update templates set variables = %s": {"1": BAD},
        "update canned_replies set body = %s": {"en": BAD, "es": BAD},
        "update reviews set overridden = %s": [{"rule": "tone", "reason": BAD}],
    }.items():
        await site.admin.execute(f"{query} where tenant_id = %s".encode(), (Jsonb(value), site.ours.tenant))
    # Once more what has happened already, because nobody can change that.
    await site.admin.execute(
        """insert into events (tenant_id, kind, actor, conversation_id, turn_id, message_id, data)
           select tenant_id, kind, actor, conversation_id, turn_id, message_id, %s from events where tenant_id = %s""",
        (Jsonb({"email": BAD, "how": BAD, "reason": BAD, "label": BAD}), site.ours.tenant),
    )
