"""Reads the tenants' JSON of the batch tool `nightshift check`: what a business has published, without its settings.

{key: {name, country, timezone, languages, currency, as_of, catalogue, policies, facts, links, forbidden,
ai_disclosure}}. Its free texts are in the tenant's first language; what is missing or null says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from agent.errors import Misconfigured
from agent.tenant.file import tenant_id
from agent.types import CatalogueItem, Discount, Instalments, Passage, Price, Tenant, Unit

MAX_PROBLEMS = 20


def _timezone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("expected an IANA time zone such as Europe/Madrid") from exc


def _said(value: object) -> object:
    """Read an object or a list where a text is expected as the text of its parts: "days: 14; fee: none"."""
    match value:
        case dict():
            return "; ".join(f"{key}: {_said(each)}" for key, each in value.items() if each is not None)
        case list():
            return "; ".join(str(_said(each)) for each in value if each is not None)
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)
        case _:
            return value


def _by_language(value: object, info: ValidationInfo) -> object:
    """Read a text that stands alone as one in the tenant's first language, and null as none."""
    if value is None or value in ({}, ""):
        return {}
    if isinstance(value, dict) and value and all(len(str(key)) == 2 for key in value):
        return {key: _said(each) for key, each in value.items() if each is not None}
    if isinstance(value, dict) and set(value) == {"text"}:
        return _by_language(value["text"], info)
    own = info.context["language"] if info.context else "en"
    return {own: _said(value)}


Texts = Annotated[dict[str, str], BeforeValidator(_by_language)]


class _Entry(BaseModel):
    """Base: keys we do not use are left alone."""


class _PriceEntry(_Entry):
    amount_minor: int = Field(ge=0)
    currency: str
    unit: Unit
    valid_from: date | None = None
    valid_to: date | None = None


class _InstalmentsEntry(_Entry):
    max: int = Field(ge=1)
    interest_free: bool = False
    min_amount_minor: int | None = None


class _DiscountEntry(_Entry):
    condition: Texts = {}
    percent: int | None = Field(default=None, ge=0, le=100)
    amount_minor: int | None = Field(default=None, ge=0)
    code: str | None = None
    valid_to: date | None = None


class _ItemEntry(_Entry):
    sku: str
    name: Texts
    description: Texts = {}
    prices: tuple[_PriceEntry, ...] = ()
    installments: _InstalmentsEntry | None = None
    discounts: tuple[_DiscountEntry, ...] = ()

    @field_validator("prices", "discounts", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return () if value is None else value


class _TenantEntry(_Entry):
    name: str
    country: str = ""
    timezone: Annotated[str, AfterValidator(_timezone)]
    languages: tuple[str, ...] = Field(min_length=1)
    currency: str
    as_of: date | None = None
    catalogue: tuple[_ItemEntry, ...] = ()
    policies: dict[str, Texts | None] = {}
    facts: tuple[Texts, ...] = ()
    links: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    ai_disclosure: Texts = {}

    @field_validator("catalogue", "policies", "facts", "links", "forbidden", "ai_disclosure", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object, info: ValidationInfo) -> object:
        return value if value is not None else {} if info.field_name in {"policies", "ai_disclosure"} else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedTenant:
    """A tenant and the day on which its rows are judged, in its own time zone."""

    tenant: Tenant
    as_of: date


def load_tenants(path: Path, today: date) -> Mapping[str, AuditedTenant]:
    """Read a tenants' JSON file. Who states no `as_of` is judged on `today`.

    Raises:
        Misconfigured: it cannot be read, or is wrong; lists what is wrong, by place.
    """
    try:
        raw = TypeAdapter(dict[str, dict[str, Any]]).validate_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except OSError as exc:
        raise Misconfigured(f"Cannot read {path.name}: {exc.strerror}.", "Give a readable file.") from exc
    except ValidationError as exc:
        raise Misconfigured(f"{path.name} is no object of tenants: {_problems(exc)}.", "Correct it.") from exc
    return {key: read_tenant(key, entry, today) for key, entry in raw.items()}


def read_tenant(key: str, raw: Mapping[str, Any], today: date) -> AuditedTenant:
    """Return a tenant of the batch format.

    Raises:
        Misconfigured: lists what is wrong, by place.
    """
    languages = raw.get("languages") or ["en"]
    try:
        entry = _TenantEntry.model_validate(raw, context={"language": languages[0]})
    except ValidationError as exc:
        raise Misconfigured(f"The tenant {key!r} is wrong: {_problems(exc)}.", "Correct the tenants' file.") from exc
    return AuditedTenant(tenant=_tenant(key, entry), as_of=entry.as_of or today)


def _problems(exc: ValidationError) -> str:
    errors = exc.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
    return "; ".join(f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in errors)


def _tenant(key: str, entry: _TenantEntry) -> Tenant:
    return Tenant(
        id=tenant_id(key),
        slug=key,
        name=entry.name,
        country=entry.country,
        timezone=entry.timezone,
        languages=entry.languages,
        default_language=entry.languages[0],
        currency=entry.currency,
        voice="",
        disclosure=entry.ai_disclosure,
        help_text={},
        links=entry.links,
        forbidden=entry.forbidden,
        catalogue=tuple(_item(item) for item in entry.catalogue),
        passages=_passages(entry),
    )


def _passages(entry: _TenantEntry) -> tuple[Passage, ...]:
    """Return facts and policies; a null policy says nothing."""
    facts = (
        Passage(id=f"fact-{place}", kind="fact", text=text) for place, text in enumerate(entry.facts, start=1) if text
    )
    policies = (Passage(id=key, kind="policy", text=text) for key, text in entry.policies.items() if text)
    return (*facts, *policies)


def _item(entry: _ItemEntry) -> CatalogueItem:
    terms = entry.installments
    return CatalogueItem(
        sku=entry.sku,
        name=entry.name,
        description=entry.description,
        prices=tuple(Price(**price.model_dump()) for price in entry.prices),
        instalments=Instalments(**terms.model_dump()) if terms else None,
        discounts=tuple(Discount(**each.model_dump()) for each in entry.discounts),
    )
