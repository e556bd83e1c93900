"""The schema of a tenant file: the shape of each entry. `agent/example_tenants/lumen.yaml` documents the layout."""

import re
import zoneinfo
from datetime import date, time
from functools import cache
from typing import Annotated, Self

import phonenumbers
from babel import Locale
from babel.numbers import get_territory_currencies
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from agent.prices import PriceReferenceError, find_references, to_minor
from agent.spending.budgets import parse_usd
from agent.templates.filling import SOURCES
from agent.templates.types import TemplatePurpose
from agent.types import (
    BudgetScope,
    Channel,
    ContentRule,
    Intent,
    ModelTier,
    Policy,
    Provider,
    Strictness,
    Task,
    TrustLevel,
    Unit,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DEFAULT = Policy()
_EMAIL = re.compile(r"[^@\s<>,;\"]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_DOMAIN = r"^(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}$"


@cache
def currencies_by_country() -> dict[str, list[str]]:
    """Return the currencies in use of every country (ISO 3166), from CLDR."""
    territories = [str(code) for code in Locale("en").territories]
    codes = [code for code in territories if re.fullmatch(r"[A-Z]{2}", code)]
    return {code: used for code in codes if (used := get_territory_currencies(code))}


def _country(value: str) -> str:
    if value not in currencies_by_country():
        raise ValueError("expected a two-letter ISO 3166 country such as ES or MX")
    return value


def _currency(value: str) -> str:
    if not any(value in used for used in currencies_by_country().values()):
        raise ValueError("expected an ISO 4217 currency in use, such as EUR or MXN")
    return value


def _timezone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ValueError("expected an IANA time zone such as Europe/Madrid")
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", value) or value not in Locale("en").languages:
        raise ValueError("expected a two-letter ISO 639 language such as es")
    return value


def _amount(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError('quote the amount, as in "399.00": unquoted decimals are not exact')  # noqa: TRY004 — Pydantic reports ValueError only
    return value


def _weekdays(value: str) -> str:
    expand_days(value)
    return value


def expand_days(text: str) -> tuple[int, ...]:
    """Read `mon-fri,sun` as weekdays (0 is Monday), in order.

    Raises:
        ValueError: not days of the week.
    """
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = (end.strip().lower() for end in part.partition("-"))
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError('expected days such as "mon-fri" or "mon,wed,sat-sun"')
        start, end = DAYS.index(first), DAYS.index(last or first)
        if end < start:
            raise ValueError(f'"{part.strip()}" runs backwards; write "{first}-sun,mon-{last}"')
        days |= set(range(start, end + 1))
    return tuple(sorted(days))


def _plain(value: str) -> str:
    if "{" in value or "}" in value:
        raise ValueError("braces are reserved for price references in drafts; write the text without them")
    if _CONTROL.search(value):
        raise ValueError("the text holds an invisible control character; remove it")
    return value


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
    AfterValidator(_plain),
]
Prose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000),
    AfterValidator(_plain),
]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Country = Annotated[str, AfterValidator(_country)]
Currency = Annotated[str, AfterValidator(_currency)]
Language = Annotated[str, AfterValidator(_language)]
Amount = Annotated[str, BeforeValidator(_amount)]
Domain = Annotated[str, StringConstraints(pattern=_DOMAIN, max_length=253)]


class Entry(BaseModel):
    """An entry of the file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelEntry(Entry):
    """A number or address of the tenant."""

    channel: Channel
    address: str
    provider: Provider
    messages_per_second: float | None = Field(default=None, gt=0, le=1000)
    segment_usd: Amount | None = None

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.segment_usd is not None and self.channel != "sms":
            raise ValueError(f"only SMS is billed by parts; leave `segment_usd` out for {self.channel}")
        parse_usd(self.segment_usd or "0")
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        by_mail = self.channel == "email"
        if self.provider not in ({"email", "simulator"} if by_mail else {"twilio", "simulator"}):
            raise ValueError(f"the provider {self.provider} does not carry {self.channel}")
        if by_mail:
            if not _EMAIL.fullmatch(self.address):
                raise ValueError("expected an e-mail address in lower case, such as hello@school.example")
        elif not _is_e164(self.address):
            raise ValueError('expected a phone number in E.164, such as "+34910555012", in quotes')
        return self


def _is_e164(address: str) -> bool:
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        return False
    canonical = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return canonical == address and phonenumbers.is_possible_number(number)


class HoursEntry(Entry):
    """An opening on some days of the week, in wall-clock time."""

    days: Annotated[str, AfterValidator(_weekdays)]
    start: time = Field(alias="from")
    end: time = Field(alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start.tzinfo or self.end.tzinfo or self.start >= self.end:
            raise ValueError("`from` must be before `to`, both without a zone; split hours past midnight in two")
        return self


class BudgetEntry(Entry):
    """A limit of model spend, in US dollars: from `soft` on cheaper models answer, from `hard` on staff do."""

    soft: Amount
    hard: Amount

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if parse_usd(self.soft) > parse_usd(self.hard):
            raise ValueError("`soft` must not be above `hard`")
        return self


class SettingsEntry(Entry):
    """How the agent behaves; what is left out has the default of `agent.types.Policy`."""

    quiet_s: float = Field(default=_DEFAULT.quiet_s, ge=0, le=120)
    max_wait_s: float = Field(default=_DEFAULT.max_wait_s, ge=0, le=600)
    min_confidence: float = Field(default=_DEFAULT.min_confidence, ge=0, le=1)
    human_intents: tuple[Intent, ...] = tuple(sorted(_DEFAULT.human_intents))
    reply_grace_minutes: int = Field(default=_DEFAULT.reply_grace_minutes, ge=0, le=1440)
    max_sms_segments: int = Field(default=_DEFAULT.max_sms_segments, ge=1, le=10)
    max_unanswered: int = Field(default=_DEFAULT.max_unanswered, ge=1, le=5)
    max_per_day: int = Field(default=_DEFAULT.max_per_day, ge=1, le=100)
    max_per_week: int = Field(default=_DEFAULT.max_per_week, ge=1, le=400)
    strictness: dict[ContentRule, Strictness] = {}
    max_model_wait_minutes: int = Field(default=_DEFAULT.max_model_wait_minutes, ge=5, le=1440)
    demand_judging: bool = _DEFAULT.demand_judging
    trust: TrustLevel = _DEFAULT.trust
    min_accuracy: float = Field(default=_DEFAULT.min_accuracy, ge=0.5, le=1)
    send_templates: bool = _DEFAULT.send_templates
    sla_minutes: int = Field(default=_DEFAULT.sla_minutes, ge=5, le=10_080)
    reuse_answers: bool = _DEFAULT.reuse_answers
    sure_above: float = Field(default=_DEFAULT.sure_above, ge=0, le=1)
    classify_locally_above: float | None = Field(default=None, ge=0.5, le=1)
    tiers: dict[Task, ModelTier] = {}
    budgets: dict[BudgetScope, BudgetEntry | None] = {}

    @model_validator(mode="after")
    def _in_proportion(self) -> Self:
        if self.max_wait_s < self.quiet_s:
            raise ValueError("`max_wait_s` must not be below `quiet_s`")
        if self.max_per_week < self.max_per_day:
            raise ValueError("`max_per_week` must not be below `max_per_day`")
        return self


class Period(Entry):
    """Days on which something holds, both included, in the tenant's time zone; an open end has no limit."""

    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError("`valid_from` is after `valid_to`")
        return self


class PriceEntry(Period):
    """One published price."""

    currency: Currency  # before `amount`, whose decimals depend on it
    amount: Amount
    unit: Unit

    @field_validator("amount")
    @classmethod
    def _exact(cls, value: str, info: ValidationInfo) -> str:
        to_minor(value, info.data.get("currency", "EUR"))
        return value


class InstalmentsEntry(Entry):
    """How the price may be split."""

    max: int = Field(ge=2, le=120)
    interest_free: bool
    min_amount: Amount | None = None


class DiscountEntry(Entry):
    """A published discount."""

    condition: dict[str, Line]
    percent: int | None = Field(default=None, ge=1, le=100)
    amount: Amount | None = None
    code: Code | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("give exactly one of `percent` and `amount`")
        if self.code and self.code.isdigit():
            raise ValueError("a code of digits only reads like a place in the list; add a letter")
        return self


class ItemEntry(Entry):
    """One thing the tenant sells."""

    sku: Code
    name: dict[str, Line]
    description: dict[str, Prose]
    aliases: tuple[Line, ...] = ()
    prices: tuple[PriceEntry, ...] = ()
    instalments: InstalmentsEntry | None = None
    discounts: tuple[DiscountEntry, ...] = ()
    file: Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"{}]{4,500}$")] | None = None


class PassageEntry(Entry):
    """A published policy: what it says, and how prospects ask for it."""

    text: dict[str, Prose]
    questions: tuple[Line, ...] = ()


class FactEntry(PassageEntry):
    """A published fact."""

    id: Code


def _source(value: str) -> str:
    """Refuse what a template's value cannot come from."""
    if value in SOURCES:
        return value
    if "{" not in value:
        raise ValueError(f'expected one of {", ".join(SOURCES)}, or a price reference such as "{{price:SKU}}"')
    try:
        references = find_references(value)
    except PriceReferenceError as exc:
        raise ValueError(str(exc)) from exc
    if [each.raw for each in references] != [value]:
        raise ValueError('expected one price reference and nothing else, such as "{price:SKU}"')
    return value


def _keys_as_text(value: object) -> object:
    """YAML reads the place 1 as a number."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value


class VariableEntry(Entry):
    """Where the value of one place of a template comes from; short for one without `otherwise`: its `from` alone."""

    source: Annotated[str, StringConstraints(max_length=120), AfterValidator(_source)] = Field(alias="from")
    otherwise: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), AfterValidator(_plain)] = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"from": value} if isinstance(value, str) else value


class TemplateEntry(Entry):
    """A template of the provider's account that this tenant may use, and what for."""

    purpose: TemplatePurpose
    language: Language
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)] | None = None
    sid: Annotated[str, StringConstraints(pattern=r"^HX[0-9a-fA-F]{32}$")] | None = None
    variables: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,16}$")], VariableEntry],
        BeforeValidator(_keys_as_text),
    ] = {}

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.name is None) == (self.sid is None):
            raise ValueError("give exactly one of `name` (as the provider lists it) and `sid` (HX…)")
        return self


class TenantEntry(Entry):
    """The whole file."""

    slug: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    name: Line
    country: Country
    timezone: Annotated[str, AfterValidator(_timezone)]
    languages: tuple[Language, ...] = Field(min_length=1)
    default_language: Language
    currency: Currency
    voice: Prose
    disclosure: dict[str, Line]
    help: dict[str, Line]
    holding: dict[str, Line] = {}
    mail_signature: dict[str, Prose] = {}
    links: tuple[Domain, ...] = ()
    forbidden: tuple[Line, ...] = ()
    channels: tuple[ChannelEntry, ...] = ()
    hours: tuple[HoursEntry, ...] = ()
    settings: SettingsEntry = SettingsEntry()
    catalogue: tuple[ItemEntry, ...] = ()
    policies: dict[Code, PassageEntry | None] = {}
    facts: tuple[FactEntry, ...] = ()
    templates: tuple[TemplateEntry, ...] = ()


ENTRIES: dict[str, type[Entry]] = {
    "channels": ChannelEntry,
    "hours": HoursEntry,
    "settings": SettingsEntry,
    "budgets": BudgetEntry,
    "catalogue": ItemEntry,
    "prices": PriceEntry,
    "instalments": InstalmentsEntry,
    "discounts": DiscountEntry,
    "policies": PassageEntry,
    "facts": FactEntry,
    "templates": TemplateEntry,
    "variables": VariableEntry,
}
"""The entries that stand under a key."""
