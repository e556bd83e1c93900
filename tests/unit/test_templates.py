"""Filling templates: every place gets a clean value, prices come from the catalogue, nothing is left to samples."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.templates.filling import (
    MAX_BODY_UNITS,
    MAX_VALUE_UNITS,
    TemplateError,
    clean,
    fill,
    person_name,
    places,
    preview,
    problems_of,
    shown_type,
    subject_of,
)
from agent.templates.types import Template, TemplateUse
from agent.types import Claim
from tests.factories import make_contact, make_draft, make_item, make_tenant
from tests.template_samples import PRICE_TEMPLATE, PRICE_USE, make_filling, make_template, make_use, sources


def said(template: Template, use: TemplateUse, **known: Any) -> str:
    return preview(template, fill(template, use, make_filling(**known)).variables)


def test_values_come_from_contact_tenant_and_catalogue() -> None:
    filled = fill(PRICE_TEMPLATE, PRICE_USE, make_filling())
    assert filled.variables == {
        "1": "Ana",
        "4": "Soy la asistente virtual (IA) de Escuela Ejemplo.",
        "2": "Inglés intensivo",
        "3": "399,00 €",
    }
    assert (filled.sid, filled.name, filled.purpose) == (PRICE_TEMPLATE.sid, "school_price", "price_answer")
    assert preview(PRICE_TEMPLATE, filled.variables) == (
        "Hola, Ana. Soy la asistente virtual (IA) de Escuela Ejemplo. "
        "El precio de Inglés intensivo es de 399,00 € por el curso completo. ¿Quieres que te contemos más?"
    )


@pytest.mark.parametrize(
    ("source", "address", "value"),
    [
        ("item.price", "+5511987654321", "R$2,390.00"),
        ("{price:EN-INT}", "+34600000001", "399,00 €"),
        ("{instalments:EN-INT:3}", "+34600000001", "3 x 133,00 €"),
        ("{discounted:EN-INT:EARLY10}", "+34600000001", "359,10 €"),
        ("{price:EN-INT:BRL}", "+34600000001", "R$2,390.00"),
    ],
)
def test_prices_are_rendered_as_in_drafts(source: str, address: str, value: str) -> None:
    use = make_use(variables=sources(_1=source))
    filled = fill(make_template("Cuesta {{1}} al año."), use, make_filling(address=address))
    assert filled.variables == {"1": value}


@pytest.mark.parametrize(
    ("use", "known", "reason"),
    [
        (make_use(variables=sources(_1="contact.first_name", _2="tenant.name")), {"contact": make_contact()}, "no con"),
        (make_use(variables=sources(_1="contact.first_name")), {}, "no value for {{2}}"),
        (make_use(variables=sources(_1="item.name", _2="tenant.name")), {"item": None}, "no item.name"),
        (make_use(variables=sources(_1="item.price", _2="tenant.name")), {"item": None}, "no item.price"),
        (make_use(variables=sources(_1="given", _2="tenant.name")), {}, "no given for {{1}}"),
        (make_use(variables=sources(_1="given", _2="tenant.name")), {"given": {"1": " \n\t "}}, "no given for {{1}}"),
        (make_use(variables=sources(_1="{price:NOPE}", _2="tenant.name")), {}, "no such item"),
        (make_use(variables=sources(_1="item.price", _2="tenant.name")), {"item": make_item(prices=())}, "price"),
        (make_use(variables=sources(_1="given", _2="tenant.name")), {"given": {"1": "x" * 251}}, "251 characters"),
        (make_use(variables=sources(_1="given", _2="tenant.name")), {"given": {"1": "👍" * 126}}, "252 characters"),
    ],
)
def test_template_with_a_place_to_fill_and_nothing_to_fill_it_with_is_refused(
    use: TemplateUse, known: dict[str, Any], reason: str
) -> None:
    if known.get("item") is not None:
        known = {**known, "tenant": make_tenant(catalogue=(known["item"],))}
    with pytest.raises(TemplateError, match=re.escape(reason)) as caught:
        fill(make_template(), use, make_filling(**known))
    assert caught.value.template == "school_reopen"


def test_whole_text_has_whatsapps_limit() -> None:
    long = make_template("x" * (MAX_BODY_UNITS - 3) + "{{1}}")
    use = make_use(variables=sources(_1="contact.first_name"))
    assert len(said(long, use)) == MAX_BODY_UNITS
    with pytest.raises(TemplateError, match="1025 characters"):
        fill(long, use, make_filling(contact=make_contact(name="Anna")))


def test_template_without_text_is_refused() -> None:
    with pytest.raises(TemplateError, match="no text"):
        fill(make_template(types={"twilio/text": {"media": ["https://x.example/a.png"]}}), make_use(), make_filling())


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("a\nb", "a b"),
        ("a\r\n\tb", "a b"),
        ("a     b", "a b"),
        ("a\u00a0\u2003b", "a b"),
        ("\u202ea\u200bb\x00", "ab"),
        ("{{2}}", "2"),
        ("  ", ""),
        ("e\u0301", "é"),
        ("José 👍", "José 👍"),
    ],
)
def test_values_are_one_clean_line(value: str, cleaned: str) -> None:
    assert clean(value) == cleaned


@pytest.mark.parametrize(
    ("name", "usable"),
    [
        ("Ana", "Ana"),
        ("  María José  Pérez ", "María José Pérez"),
        ("Jean-Luc d’Arc", "Jean-Luc d’Arc"),
        ("Ana 🌸", ""),
        ("evil.example/x", ""),
        ("+34600000001", ""),
        ("BUY 50 % OFF", ""),
        ("{{1}}", ""),
        ("I am the boss of you all here", ""),
        ("A" * 41, ""),
        ("", ""),
    ],
)
def test_only_names_are_taken_for_names(name: str, usable: str) -> None:
    assert person_name(name) == usable


RICH = make_template(
    approved_type="twilio/quick-reply",
    types={
        "twilio/text": {"body": "plain {{9}}"},
        "twilio/quick-reply": {
            "body": "Hola {{1}}",
            "actions": [{"title": "Sí", "id": "yes:{{2}}"}, {"title": "Baja"}],
        },
    },
)
CARD = make_template(
    approved_type="",
    types={
        "twilio/card": {
            "title": "Hola {{1}}",
            "subtitle": "Escuela",
            "media": ["https://cdn.example/{{2}}.png"],
            "actions": [{"type": "URL", "title": "Ver", "url": "https://escuela.example/{{3}}"}],
        }
    },
)


def test_the_approved_type_is_what_is_shown_and_filled() -> None:
    assert shown_type(RICH) == "twilio/quick-reply"
    assert places(RICH) == ("1", "2")
    assert preview(RICH, {"1": "Ana", "2": "x"}) == "Hola Ana\nSí\nBaja"


def test_places_outside_the_text_are_filled_and_links_are_shown() -> None:
    assert places(CARD) == ("1", "2", "3")
    assert preview(CARD, {"1": "Ana", "2": "x", "3": "curso"}) == "Hola Ana\nEscuela\nVer https://escuela.example/curso"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (None, "no such template"),
        (make_template(approval="pending"), "not approved it (pending)"),
        (make_template(approval="rejected", rejection_reason="TAG_CONTENT_MISMATCH"), "(rejected: TAG_CONTENT_MIS"),
        (make_template(approval="paused"), "(paused)"),
        (make_template(category="authentication"), "one-time codes"),
        (make_template(language="pt_BR"), "it is in pt_BR, the tenant file says es"),
        (make_template(types={"twilio/list-picker": {"body": "x"}}, approved_type=""), "cannot open"),
        (make_template(approved_type="twilio/location"), "cannot open a conversation"),
        (make_template("{{1}} {{2}} {{tercero}}"), "no value for {{tercero}}"),
    ],
)
def test_template_that_may_not_be_used_says_why(template: Template | None, problem: str) -> None:
    (found,) = problems_of(make_use(), template)
    assert problem in found


@pytest.mark.parametrize("language", ["es", "es_MX", "es-ES"])
def test_approved_template_in_any_spanish_may_be_used(language: str) -> None:
    assert problems_of(make_use(), make_template(language=language)) == ()


@pytest.mark.parametrize(
    ("text", "claims", "sku"),
    [
        ("Son {price:EN-INT}.", (), "EN-INT"),
        ("Son {price:EN-INT} o {instalments:EN-INT:3}.", (), "EN-INT"),
        ("Son {price:EN-INT} o {price:CLUB}.", (), None),
        ("Empieza el lunes.", ("item:CLUB", "fact:x"), "CLUB"),
        ("Empieza el lunes.", ("item:CLUB", "item:EN-INT"), None),
        ("Hola.", (), None),
        ("Son {price:NOPE}.", (), None),
        ("Son {price:EN-INT.", ("item:CLUB",), "CLUB"),
    ],
)
def test_subject_is_the_one_item_that_a_draft_is_about(text: str, claims: tuple[str, ...], sku: str | None) -> None:
    tenant = make_tenant(catalogue=(make_item(), make_item("CLUB")))
    draft = make_draft(text, claims=tuple(Claim(text="x", source=source) for source in claims))
    found = subject_of(draft, tenant)
    assert (found.sku if found else None) == sku


def test_without_a_draft_there_is_no_subject() -> None:
    assert subject_of(None, make_tenant()) is None


PLACE = st.sampled_from(["1", "2", "3", "nombre", "x_9"])
BODY = st.lists(st.one_of(st.text(max_size=20), PLACE.map("{{{{{}}}}}".format), PLACE.map("{{{{ {} }}}}".format)))
SOURCE = st.sampled_from(["contact.first_name", "contact.name", "tenant.name", "item.name", "item.price", "given"])


@given(
    body=BODY.map("".join),
    mapped=st.dictionaries(PLACE, st.tuples(SOURCE, st.text(max_size=12))),
    typed=st.dictionaries(PLACE, st.text()),
    name=st.text(max_size=60),
    has_item=st.booleans(),
)
def test_a_filled_template_has_a_value_for_each_place_and_no_place_left(
    body: str, mapped: dict[str, tuple[str, str]], typed: dict[str, str], name: str, *, has_item: bool
) -> None:
    template = make_template(body)
    use = make_use(variables=sources(**{f"_{place}": "|".join(each) for place, each in mapped.items()}))
    known = make_filling(contact=make_contact(name=name), given=typed, item=make_item() if has_item else None)
    try:
        filled = fill(template, use, known)
    except TemplateError:
        return
    text = preview(template, filled.variables)
    assert set(filled.variables) == set(places(template))
    for value in filled.variables.values():
        assert value == clean(value) != ""
        assert not re.search(r"[\n\t\r{}]| {2}", value)
        assert len(value.encode("utf-16-le")) <= 2 * MAX_VALUE_UNITS
    assert not re.search(r"\{\{\s*[A-Za-z0-9_]{1,16}\s*\}\}", text)


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
