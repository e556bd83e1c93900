"""Every rule a tenant file must keep before its tenant goes live, reported by place and expectation.

Two passes: the shape of each entry (the schema in `tenant_file.py`), then what only the whole file can show.
Each pass reports all it finds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from agent.prices import to_minor
from agent.tenant.schema import ENTRIES, Entry, PriceEntry, TenantEntry, expand_days
from agent.tenant.templates import check_templates
from agent.tenant.yaml import Path, Problem


def check_shape(data: object) -> TenantEntry | list[Problem]:
    """Read plain values as a tenant entry, or say what is wrong with them."""
    try:
        return TenantEntry.model_validate(data)
    except ValidationError as exc:
        return [
            Problem(error["loc"], _message(error["type"], error["msg"], error["loc"], error["input"]))
            for error in exc.errors(include_url=False)
        ]


def _message(kind: str, message: str, path: Path, value: object) -> str:
    """Say in our words what Pydantic found; the offending value comes bounded."""
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        message = "expected entries of the form `key: value`"
    if kind == "string_type" and isinstance(value, int | float):
        message = "expected text; put it in quotes"
    if isinstance(value, dict | list | Entry):
        return message.removeprefix("Value error, ")
    return f"{message.removeprefix('Value error, ')} (got {_bounded(value)})"


def _bounded(value: object) -> str:
    """Write a value in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _unknown_key(path: Path) -> str:
    """Say which key was probably meant."""
    parents = [part for part in path[:-1] if isinstance(part, str)]
    entry = next((ENTRIES[part] for part in reversed(parents) if part in ENTRIES), TenantEntry)
    known = [field.alias or name for name, field in entry.model_fields.items()]
    if close := get_close_matches(str(path[-1]), known, n=1):
        return f"unknown key; did you mean `{close[0]}`?"
    return f"unknown key; expected one of {', '.join(known)}"


def check_whole(entry: TenantEntry) -> list[Problem]:
    """Return what is wrong across the entries of a well-formed file."""
    checks: tuple[Callable[[TenantEntry], Iterator[Problem]], ...] = (
        _languages,
        _texts,
        _duplicates,
        _overlapping_prices,
        _overlapping_hours,
        _amounts_in_own_currency,
        _files_at_home,
        check_templates,
    )
    return [problem for check in checks for problem in check(entry)]


def _languages(entry: TenantEntry) -> Iterator[Problem]:
    """The default language is one of the tenant's."""
    if entry.default_language not in entry.languages:
        yield Problem(("default_language",), f"expected one of `languages` (got {entry.default_language!r})")


def _files_at_home(entry: TenantEntry) -> Iterator[Problem]:
    """Files are on the tenant's own domains: their links may stand in replies."""
    for i, item in enumerate(entry.catalogue):
        host = urlsplit(item.file or "").hostname or ""
        if item.file and not any(host == domain or host.endswith(f".{domain}") for domain in entry.links):
            yield Problem(("catalogue", i, "file"), f"expected an address on a domain under `links` (got {host})")


def _localised(entry: TenantEntry) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Every text of the file that is written by language, with its place."""
    for i, item in enumerate(entry.catalogue):
        yield ("catalogue", i, "name"), item.name
        yield ("catalogue", i, "description"), item.description
        for j, discount in enumerate(item.discounts):
            yield ("catalogue", i, "discounts", j, "condition"), discount.condition
    for key, policy in entry.policies.items():
        if policy is not None:
            yield ("policies", key, "text"), policy.text
    for i, fact in enumerate(entry.facts):
        yield ("facts", i, "text"), fact.text


def _texts(entry: TenantEntry) -> Iterator[Problem]:
    """Texts are in the tenant's languages; what the law asks us to say exists in each of them."""
    always = [(("disclosure",), entry.disclosure), (("help",), entry.help)]
    yield from _by_language(entry, always, required=entry.languages)
    optional = [(("holding",), entry.holding), (("mail_signature",), entry.mail_signature)]
    yield from _by_language(entry, optional, required=())
    yield from _by_language(entry, _localised(entry), required=(entry.default_language,))


def _by_language(
    entry: TenantEntry, texts: Iterable[tuple[Path, Mapping[str, str]]], *, required: tuple[str, ...]
) -> Iterator[Problem]:
    for path, text in texts:
        if missing := [language for language in required if language not in text]:
            yield Problem(path, f"the text in {', '.join(missing)} is missing")
        for language in text.keys() - set(entry.languages):
            yield Problem((*path, language), f"expected one of `languages` ({', '.join(entry.languages)})")


def _duplicates(entry: TenantEntry) -> Iterator[Problem]:
    """What identifies an entry is given once."""
    yield from _repeated(("languages",), entry.languages)
    yield from _repeated(("channels",), [f"{each.channel} {each.address}" for each in entry.channels])
    yield from _repeated(("catalogue",), [item.sku for item in entry.catalogue])
    yield from _repeated(("facts",), [fact.id for fact in entry.facts])
    for i, item in enumerate(entry.catalogue):
        codes = [discount.code or f"#{place}" for place, discount in enumerate(item.discounts)]
        yield from _repeated(("catalogue", i, "discounts"), codes)


def _repeated(path: Path, keys: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, key in enumerate(keys):
        if key in seen:
            yield Problem((*path, place), f"{key} is given twice")
        seen.add(key)


def _overlapping_prices(entry: TenantEntry) -> Iterator[Problem]:
    """At most one price per currency and unit holds on any day."""
    for i, item in enumerate(entry.catalogue):
        for (_, first), (place, second) in combinations(enumerate(item.prices), 2):
            if (first.currency, first.unit) == (second.currency, second.unit) and _overlap(first, second):
                yield Problem(
                    ("catalogue", i, "prices", place),
                    f"overlaps another price of {item.sku} in {second.currency} per {second.unit}; "
                    "set `valid_to` of the earlier one to the day before",
                )


def _overlap(one: PriceEntry, other: PriceEntry) -> bool:
    starts = max(one.valid_from or date.min, other.valid_from or date.min)
    return starts <= min(one.valid_to or date.max, other.valid_to or date.max)


def _overlapping_hours(entry: TenantEntry) -> Iterator[Problem]:
    """Openings of one day are apart."""
    for (_, first), (place, second) in combinations(enumerate(entry.hours), 2):
        same_day = set(expand_days(first.days)) & set(expand_days(second.days))
        if same_day and first.start < second.end and second.start < first.end:
            yield Problem(("hours", place), "overlaps hours given above")


def _amounts_in_own_currency(entry: TenantEntry) -> Iterator[Problem]:
    """Amounts without a currency are in the tenant's, with no more decimals than it has."""
    for i, item in enumerate(entry.catalogue):
        amounts: list[tuple[Path, Any]] = [
            (("discounts", j, "amount"), discount.amount) for j, discount in enumerate(item.discounts)
        ]
        amounts.append((("instalments", "min_amount"), item.instalments and item.instalments.min_amount))
        for path, amount in amounts:
            try:
                to_minor(amount or "0", entry.currency)
            except ValueError as exc:
                yield Problem(("catalogue", i, *path), f"{exc} (got {_bounded(amount)})")
