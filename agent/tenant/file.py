"""A tenant file: read, validated, written back. One document shape serves YAML, the store and diffs.

Nothing about a tenant is hard-wired elsewhere: what a business sells, says and forbids comes from here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any
from uuid import UUID, uuid5

import yaml

from agent.errors import Misconfigured
from agent.prices import to_amount, to_minor
from agent.spending.budgets import SCOPES, format_usd, parse_usd
from agent.tenant.checks import check_shape, check_whole
from agent.tenant.hours import hours_document
from agent.tenant.schema import (
    BudgetEntry,
    ChannelEntry,
    DiscountEntry,
    HoursEntry,
    InstalmentsEntry,
    ItemEntry,
    PassageEntry,
    PriceEntry,
    SettingsEntry,
    TenantEntry,
    expand_days,
)
from agent.tenant.templates import to_entry, to_use
from agent.tenant.yaml import Document, Problem, read_yaml
from agent.types import (
    Budget,
    BudgetScope,
    CatalogueItem,
    Channel,
    Discount,
    Instalments,
    OpeningHours,
    Passage,
    Policy,
    Price,
    Provider,
    Tenant,
    TenantId,
    usual_budgets,
)

NAMESPACE = UUID("6f1d3f0e-2b57-4d0c-9a3e-8c5b7a1e4d20")
"""Of tenant ids. Never change it: ids of all tenants follow from it."""
MAX_LISTED = 50
SAME = (
    *("quiet_s", "max_wait_s", "max_model_wait_minutes", "max_unanswered", "max_per_day", "max_per_week"),
    *("min_confidence", "sure_above", "classify_locally_above", "min_accuracy", "trust", "demand_judging"),
    *("reply_grace_minutes", "max_sms_segments", "send_templates", "sla_minutes", "reuse_answers"),
)
"""Settings that a file and `Policy` write alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelAccount:
    """A number or address of a tenant, and who carries it. E.164, or an e-mail address in lower case."""

    channel: Channel
    address: str
    provider: Provider
    messages_per_second: float | None = None
    """How many it may send (of SMS: parts); None: as is usual for such a number (`agent.delivery.sending_rates`)."""
    segment_microusd: int | None = None
    """What one part of an SMS costs, in micro-dollars; None: not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantFile:
    """All a tenant file says."""

    tenant: Tenant
    channels: tuple[ChannelAccount, ...] = ()


def tenant_id(slug: str) -> TenantId:
    """Return the id of a tenant: a UUIDv5 of its slug, not a v7.

    The same file must be the same tenant in every database and however often it is applied, before any row
    exists to look the id up from.
    """
    return TenantId(uuid5(NAMESPACE, slug))


# --- reading ------------------------------------------------------------------------------------------------


def load_tenant_file(path: FilePath) -> TenantFile:
    """Read and validate a tenant file.

    Raises:
        Misconfigured: it cannot be read, or is wrong; lists every problem with its line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"Cannot read {path.name}: {exc}.", "Give a readable UTF-8 file.") from exc
    return parse_tenant_file(text, path.name)


def parse_tenant_file(text: str, name: str = "tenant file") -> TenantFile:
    """Read and validate the text of a tenant file; `name` is for error messages.

    Raises:
        Misconfigured: lists every problem with its line.
    """
    document = read_yaml(text)
    return _validated(document, name)


def from_document(document: Mapping[str, Any]) -> TenantFile:
    """Read what `to_document` wrote.

    Raises:
        Misconfigured: it is not a valid tenant file.
    """
    return _validated(Document(data=dict(document)), "The stored tenant document")


def check_document(data: object) -> TenantFile | list[Problem]:
    """Read plain values in the file's shape as a tenant, or say all that is wrong with them."""
    entry = check_shape(data)
    if isinstance(entry, list):
        return entry
    return check_whole(entry) or _tenant_file(entry)


def _validated(document: Document, name: str) -> TenantFile:
    """Turn a document into a tenant, or refuse it with all that is wrong."""
    problems = list(document.problems)
    if document.data is not None or not problems:
        checked = check_document(document.data)
        if isinstance(checked, list):
            problems += checked
        elif not problems:
            return checked
    placed = [Problem(p.path, p.message, p.line or document.line_of(p.path)) for p in problems]
    placed.sort(key=lambda problem: problem.line or 0)
    lines = [f"  {problem}" for problem in placed[:MAX_LISTED]]
    count = f"{len(placed)} problems" if len(placed) > 1 else "a problem"
    raise Misconfigured("\n".join([f"{name} has {count}:", *lines]), "\nCorrect the file and apply it again.")


def _tenant_file(entry: TenantEntry) -> TenantFile:
    tenant = Tenant(
        id=tenant_id(entry.slug),
        slug=entry.slug,
        name=entry.name,
        country=entry.country,
        timezone=entry.timezone,
        languages=entry.languages,
        default_language=entry.default_language,
        currency=entry.currency,
        voice=entry.voice,
        disclosure=entry.disclosure,
        help_text=entry.help,
        holding=entry.holding,
        mail_signature=entry.mail_signature,
        links=entry.links,
        forbidden=entry.forbidden,
        policy=_policy(entry.settings, entry.hours),
        catalogue=tuple(_item(item, entry.currency) for item in entry.catalogue),
        passages=_passages(entry),
        templates=tuple(to_use(each) for each in entry.templates),
    )
    return TenantFile(tenant=tenant, channels=tuple(_account(each) for each in entry.channels))


def _account(entry: ChannelEntry) -> ChannelAccount:
    return ChannelAccount(
        channel=entry.channel,
        address=entry.address,
        provider=entry.provider,
        messages_per_second=entry.messages_per_second,
        segment_microusd=None if entry.segment_usd is None else parse_usd(entry.segment_usd),
    )


def _policy(settings: SettingsEntry, hours: Iterable[HoursEntry]) -> Policy:
    openings = [
        OpeningHours(weekday=weekday, start=each.start, end=each.end)
        for each in hours
        for weekday in expand_days(each.days)
    ]
    same = {name: getattr(settings, name) for name in SAME}
    return Policy(
        **same,
        human_intents=frozenset(settings.human_intents),
        send_hours=tuple(sorted(openings, key=lambda each: (each.weekday, each.start))),
        strictness=settings.strictness,
        tiers=settings.tiers,
        budgets=_budgets(settings.budgets),
    )


def _budgets(entries: Mapping[BudgetScope, BudgetEntry | None]) -> dict[BudgetScope, Budget]:
    """Return the usual budgets with those of the file over them; null in the file: no limit."""
    stated = {
        scope: entry and Budget(soft_microusd=parse_usd(entry.soft), hard_microusd=parse_usd(entry.hard))
        for scope, entry in entries.items()
    }
    return {scope: budget for scope, budget in {**usual_budgets(), **stated}.items() if budget}


def _item(entry: ItemEntry, own_currency: str) -> CatalogueItem:
    return CatalogueItem(
        sku=entry.sku,
        name=entry.name,
        description=entry.description,
        aliases=entry.aliases,
        prices=tuple(_price(price) for price in entry.prices),
        instalments=_instalments(entry.instalments, own_currency) if entry.instalments else None,
        discounts=tuple(_discount(discount, own_currency) for discount in entry.discounts),
        file_url=entry.file or "",
    )


def _instalments(entry: InstalmentsEntry, own_currency: str) -> Instalments:
    return Instalments(
        max=entry.max,
        interest_free=entry.interest_free,
        min_amount_minor=_minor(entry.min_amount, own_currency),
    )


def _price(entry: PriceEntry) -> Price:
    return Price(
        amount_minor=to_minor(entry.amount, entry.currency),
        currency=entry.currency,
        unit=entry.unit,
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
    )


def _discount(entry: DiscountEntry, own_currency: str) -> Discount:
    return Discount(
        condition=entry.condition,
        percent=entry.percent,
        amount_minor=_minor(entry.amount, own_currency),
        code=entry.code,
        valid_to=entry.valid_to,
    )


def _minor(amount: str | None, currency: str) -> int | None:
    return None if amount is None else to_minor(amount, currency)


def _passages(entry: TenantEntry) -> tuple[Passage, ...]:
    """Policies, then facts. A policy that is null tells readers of the file that there is none."""
    stated: list[tuple[str, PassageEntry]] = [(key, each) for key, each in entry.policies.items() if each]
    policies = [Passage(id=key, kind="policy", text=each.text, questions=each.questions) for key, each in stated]
    facts = [Passage(id=f.id, kind="fact", text=f.text, questions=f.questions) for f in entry.facts]
    return (*policies, *facts)


# --- writing ------------------------------------------------------------------------------------------------


def dump_tenant_file(file: TenantFile) -> str:
    """Write a tenant file that reads back as the same tenant (comments and null policies are not kept)."""
    return yaml.safe_dump(to_document(file), allow_unicode=True, sort_keys=False, width=110)


def to_document(file: TenantFile) -> dict[str, Any]:
    """Return all a tenant file says in the file's own shape, JSON-safe: amounts and dates are text."""
    tenant = file.tenant
    passages = {kind: [p for p in tenant.passages if p.kind == kind] for kind in ("policy", "fact")}
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "country": tenant.country,
        "timezone": tenant.timezone,
        "languages": list(tenant.languages),
        "default_language": tenant.default_language,
        "currency": tenant.currency,
        "voice": tenant.voice,
        "disclosure": dict(tenant.disclosure),
        "help": dict(tenant.help_text),
        "holding": dict(tenant.holding),
        "mail_signature": dict(tenant.mail_signature),
        "links": list(tenant.links),
        "forbidden": list(tenant.forbidden),
        "channels": [account_document(each) for each in file.channels],
        "hours": hours_document(tenant.policy.send_hours),
        "settings": _settings_document(tenant.policy),
        "catalogue": [_item_document(item, tenant.currency) for item in tenant.catalogue],
        "policies": {p.id: _passage_document(p) for p in passages["policy"]},
        "facts": [{"id": p.id, **_passage_document(p)} for p in passages["fact"]],
        "templates": [to_entry(each) for each in tenant.templates],
    }


def account_document(account: ChannelAccount) -> dict[str, Any]:
    """Return an account in the shape of the file."""
    price = account.segment_microusd
    return _stated(
        channel=account.channel,
        address=account.address,
        provider=account.provider,
        messages_per_second=account.messages_per_second,
        segment_usd=None if price is None else format_usd(price),
    )


def _settings_document(policy: Policy) -> dict[str, Any]:
    return {
        **{name: getattr(policy, name) for name in SAME},
        "human_intents": sorted(policy.human_intents),
        "strictness": dict(policy.strictness),
        "tiers": dict(policy.tiers),
        "budgets": {scope: _budget_document(policy.budgets.get(scope)) for scope in SCOPES},
    }


def _budget_document(budget: Budget | None) -> dict[str, str] | None:
    if budget is None:
        return None
    return {"soft": format_usd(budget.soft_microusd), "hard": format_usd(budget.hard_microusd)}


def _item_document(item: CatalogueItem, own_currency: str) -> dict[str, Any]:
    terms = item.instalments
    return {
        "sku": item.sku,
        "name": dict(item.name),
        "description": dict(item.description),
        "aliases": list(item.aliases),
        "prices": [_price_document(price) for price in item.prices],
        "instalments": terms
        and _stated(
            max=terms.max,
            interest_free=terms.interest_free,
            min_amount=_amount(terms.min_amount_minor, own_currency),
        ),
        "discounts": [
            _stated(
                condition=dict(each.condition),
                percent=each.percent,
                amount=_amount(each.amount_minor, own_currency),
                code=each.code,
                valid_to=each.valid_to and each.valid_to.isoformat(),
            )
            for each in item.discounts
        ],
        **_stated(file=item.file_url or None),
    }


def _price_document(price: Price) -> dict[str, Any]:
    return _stated(
        amount=_amount(price.amount_minor, price.currency),
        currency=price.currency,
        unit=price.unit,
        valid_from=price.valid_from and price.valid_from.isoformat(),
        valid_to=price.valid_to and price.valid_to.isoformat(),
    )


def _passage_document(passage: Passage) -> dict[str, Any]:
    return {"text": dict(passage.text), "questions": list(passage.questions)}


def _amount(amount_minor: int | None, currency: str) -> str | None:
    return None if amount_minor is None else to_amount(amount_minor, currency)


def _stated(**values: Any) -> dict[str, Any]:
    """Leave out what is not given."""
    return {key: value for key, value in values.items() if value is not None}
