"""Measures the guardrails on labelled drafts: `python tests/benchmarks/guardrails.py TENANTS.json ROWS.jsonl [RULE]`.

Prints recall and false alarms of each rule (all of them unless one is named), and every miss.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a script, from anywhere

from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.types import (
    Candidate,
    CatalogueItem,
    Discount,
    Instalments,
    Passage,
    Price,
    Tenant,
    Turn,
    Verdict,
)
from tests.factories import make_conversation, make_message, make_tenant, make_turn

NOT_LABELLED = {"consent", "send_window", "reply_window", "confidence"}
RULES = tuple(rule for rule in build_rules(LanguageDetector.load().detect) if rule.name not in NOT_LABELLED)


def read_tenant(raw: dict[str, Any]) -> Tenant:
    """Return a tenant of the labelled set's format. Its free texts are in its first language."""
    language = raw["languages"][0]
    facts = (Passage(id=f"fact-{n}", kind="fact", text={language: text}) for n, text in enumerate(raw["facts"]))
    stated = ((key, text) for key, text in raw["policies"].items() if text)
    policies = (Passage(id=f"policy-{key}", kind="policy", text={language: text}) for key, text in stated)
    return make_tenant(
        name=raw["name"],
        country=raw["country"],
        timezone=raw["timezone"],
        languages=tuple(raw["languages"]),
        default_language=language,
        currency=raw["currency"],
        disclosure={language: raw["ai_disclosure"]},
        links=tuple(raw["links"]),
        forbidden=tuple(raw["forbidden"]),
        catalogue=tuple(_item(item, language) for item in raw["catalogue"]),
        passages=(*facts, *policies),
    )


def _item(raw: dict[str, Any], language: str) -> CatalogueItem:
    terms = raw.get("installments")
    return CatalogueItem(
        sku=raw["sku"],
        name=raw["name"],
        description={language: raw["description"]},
        prices=tuple(Price(**_with_dates(price)) for price in raw["prices"]),
        instalments=Instalments(**terms) if terms else None,
        discounts=tuple(
            Discount(**{**_with_dates(each), "condition": {language: each["condition"]}})
            for each in raw.get("discounts", ())
        ),
    )


def _with_dates(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: date.fromisoformat(value) if key.startswith("valid_") else value for key, value in raw.items()}


def judge(row: dict[str, Any], tenants: dict[str, Tenant], as_of: date) -> tuple[Verdict, ...]:
    """Return every rule's verdict on one row, at noon of `as_of` in the tenant's zone."""
    tenant = tenants[row["tenant"]]
    now = datetime.combine(as_of, time(12), ZoneInfo(tenant.timezone)).astimezone(UTC)
    candidate = Candidate(text=row["draft"], language=row["language"], channel=row["channel"])
    turn = _turn(row, tenant)
    return tuple(rule.check(candidate, turn, tenant, now) for rule in RULES)


def _turn(row: dict[str, Any], tenant: Tenant) -> Turn:
    """Return the turn a row answers: not the first contact, where a disclosure would be asked for."""
    return make_turn(
        row["inbound"],
        tenant=tenant,
        conversation=make_conversation(channel=row["channel"]),
        history=(make_message("…", direction="outbound", author="agent"),),
    )


def report(rows: list[dict[str, Any]], tenants: dict[str, Tenant], as_of: date, wanted: str) -> Iterator[str]:
    """Yield one line per miss and false alarm, then one per rule."""
    judged = [(row, {v.rule: v for v in judge(row, tenants, as_of) if v.outcome != "pass"}) for row in rows]
    for rule in RULES:
        if wanted not in {"", rule.name}:
            continue
        due = [(row, found) for row, found in judged if rule.name in row["rules"]]
        missed = [row for row, found in due if rule.name not in found]
        passes = [(row, found) for row, found in judged if row["expect"] == "pass"]
        alarms = [(row, found[rule.name]) for row, found in passes if rule.name in found]
        for row in missed:
            yield f"MISS  {rule.name} {row['id']} {row['draft']!r} ({row['note']})"
        for row, verdict in alarms:
            yield f"ALARM {rule.name} {row['id']} {verdict.reason} {verdict.evidence!r} in {row['draft']!r}"
        yield (
            f"{rule.name}: recall {len(due) - len(missed)}/{len(due)}, false alarms {len(alarms)}/{len(passes)} passes"
        )


def main(tenants_path: str, rows_path: str, wanted: str = "") -> None:
    """Print the report."""
    raw = json.loads(Path(tenants_path).read_text(encoding="utf-8"))
    tenants = {key: read_tenant(value) for key, value in raw.items()}
    as_of = date.fromisoformat(next(iter(raw.values()))["as_of"])
    rows = [json.loads(line) for line in Path(rows_path).read_text(encoding="utf-8").splitlines() if line.strip()]
    for line in report(rows, tenants, as_of, wanted):
        print(line)  # noqa: T201 — its purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
