"""Masking: nothing personal passes, ordinary words and ids do."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tracing.masking import HIDDEN, MAX_CHARS, hide_names, mask, mask_text, name_parts

PERSONAL = [
    pytest.param("escribe a ana.perez+lumen@example.com, porfa", "ana.perez", id="email"),
    pytest.param("<joão@exemplo.com.br>", "joão", id="email with letters outside ASCII"),
    pytest.param("https://x.example/?mail=ana%40example.com", "ana", id="email in a query string"),
    pytest.param("ana＠example.com", "ana", id="email with a full-width at sign"),
    pytest.param("+34612345678ana@example.com", "ana", id="email after a number"),
    pytest.param("0190a5b2-7c3d-7e4f-8a1b-1234567890ab+ana@example.com", "ana", id="email after a UUID"),
    pytest.param("llámame al +34 612 34 56 78", "612 34", id="Spanish phone"),
    pytest.param("+1 (415) 555-0132", "555", id="US phone"),
    pytest.param("(11) 98765-4321", "98765", id="Brazilian phone without country"),
    pytest.param("tel612345678ana", "612345678", id="phone between letters"),
    pytest.param("whatsapp:+5215512345678", "5512345678", id="WhatsApp address"),
    pytest.param("+34\u00a0612\u202f345\u2011678", "612", id="phone with typographic separators"),
    pytest.param("٠٦١٢٣٤٥٦٧٨", "٦١٢٣", id="Arabic-Indic digits"),
    pytest.param("4111 1111 1111 1111", "1111", id="card in groups"),
    pytest.param("mi tarjeta 5500-0000-0000-0004.", "5500", id="card with hyphens"),
    pytest.param("378282246310005", "3782", id="card of 15 digits"),
    pytest.param("0190a5b2-7c3d-7e4f-8a1b-1234567890 612345678", "612345678", id="phone after half a UUID"),
    pytest.param("+34 12-10-2024 55", "2024", id="phone with a date inside"),
    pytest.param("ES91 2100 0418 4502 0005 1332", "2100", id="IBAN"),
]
HARMLESS = [
    "El curso B2 cuesta 1.234,50 € al mes (3 cuotas de 411,50 €).",
    "It is $1,299.00 until 2026-11-21, 10:30.",
    "Empieza el 21/11/2026 o el 5.12.2026",
    "2026-11-21T10:30:00Z, 2026-11-21 10:30 (1 2026/1/31)",
    "turn 0190a5b2-7c3d-7e4f-8a1b-123456789012: sent",
    "cohort 2025-2026",
    "0190a5b2-7c3d-7e4f-8a1b-123456789012",
    "SM00000000000000000000000000000001",
    "12345678901234567890123456789012",
    "24/7, aula 12, nos vemos @lumen",
    "👍",
    "",
]


@pytest.mark.parametrize(("text", "personal"), PERSONAL)
def test_personal_data_is_hidden(text: str, personal: str) -> None:
    masked = mask_text(text)
    assert personal not in masked
    assert "[email]" in masked or "[number]" in masked


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert mask_text(text) == text


LOCAL = st.text("abcdefghijklmnopqrstuvwxyzñ0123456789._+-", min_size=1, max_size=64)
SEPARATORS = st.lists(st.sampled_from(["", " ", "-", ".", ") ", " (", "\u00a0"]), min_size=15, max_size=15)


@given(before=st.text(), local=LOCAL, after=st.text())
def test_any_email_is_hidden_in_any_text(before: str, local: str, after: str) -> None:
    assert f"{local}@example.com" not in mask_text(f"{before} {local}@example.com {after}")


@given(digits=st.text("0123456789", min_size=8, max_size=15), gaps=SEPARATORS, before=st.text("ab :,\n"))
def test_any_international_number_is_hidden_however_it_is_grouped(digits: str, gaps: list[str], before: str) -> None:
    number = "+" + "".join(digit + gap for digit, gap in zip(digits, gaps, strict=False)).rstrip(" (")
    masked = mask_text(f"{before}{number}")
    assert not any(character.isdigit() for character in masked)


@given(st.text())
def test_masked_text_always_encodes_and_masking_twice_changes_nothing(text: str) -> None:
    masked = mask_text(text + "\ud800")
    assert masked.encode()
    assert mask_text(masked) == masked


@pytest.mark.parametrize("position", range(MAX_CHARS - 30, MAX_CHARS + 2))
def test_what_stands_at_the_cut_is_not_half_seen(position: int) -> None:
    text = "x" * (position - 1) + " ana.perez@example.com +34 612 345 678" + " y" * 2_000
    masked = mask_text(text)
    assert "ana" not in masked
    assert "612" not in masked
    assert len(masked) <= MAX_CHARS + 1


@pytest.mark.parametrize("piece", ["a", "1", "1 ", "a@", "+", "(", "1-", "%40", "a.", " ", "é"])
def test_long_repetitions_are_cut_not_chewed(piece: str) -> None:
    assert len(mask_text(piece * 1_000_000)) <= MAX_CHARS + 1


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    phones: tuple[str, ...]


def test_structures_become_json_ready_data_with_every_text_masked() -> None:
    value = {
        "step": Step("reply", ("+34 612 345 678",)),
        "id": UUID(int=7),
        "ana@example.com": {"set"},
        "counts": [1, 2.5, True, None],
        "at": datetime(2026, 11, 21, 10, 30, 0, 123456, tzinfo=UTC),
    }
    assert mask(value) == {
        "step": {"name": "reply", "phones": ["[number]"]},
        "id": str(UUID(int=7)),
        "[email]": ["set"],
        "counts": [1, 2.5, True, None],
        "at": "2026-11-21T10:30:00+00:00",
    }


@pytest.mark.parametrize("key", ["password", "Authorization", "X-Auth-Token", "twilio_auth_token", "api-key"])
def test_credentials_lose_their_value_at_any_depth(key: str) -> None:
    assert mask({"request": [{key: "s3cret", "status": 200}]}) == {"request": [{key: HIDDEN, "status": 200}]}


def test_deep_and_wide_values_are_bounded() -> None:
    deep: Any = "end"
    for _ in range(500):
        deep = [deep]
    assert len(json.dumps(mask(deep))) < 2_000
    assert len(mask(range(1_000_000))) < 100
    assert len(mask(list(range(1_000_000)))) == 100


def test_known_names_are_hidden_as_words_whatever_their_case() -> None:
    said = {"de": "Hola ANA, soy Ana Pérez; banana", "Ana": ["perez", 1, None]}
    hidden = {"de": "Hola [name], soy [name] [name]; banana", "[name]": ["perez", 1, None]}
    assert hide_names(said, name_parts("Ana Pérez")) == hidden


@pytest.mark.parametrize("name", [None, "", "Jo", "J. P.", "12345"])
def test_what_is_too_short_for_a_name_hides_nothing(name: str | None) -> None:
    assert hide_names("Jo y J. P. piden 12345", name_parts(name)) == "Jo y J. P. piden 12345"
