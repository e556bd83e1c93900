"""Files that a draft names: taken out of its text, and sent along or linked to."""

from datetime import date

import pytest

from agent.media.attachments import media_of, take_files, without_files
from agent.models.briefing import spoken, tenant_briefing
from agent.prices import PriceReferenceError
from agent.types import Channel, Media
from tests.factories import make_item, make_message, make_tenant

BROCHURE = "https://www.escuela.example/inglés/folleto.pdf"
TENANT = make_tenant(
    catalogue=(
        make_item(file_url=BROCHURE),
        make_item("DE", file_url="https://escuela.example/de.jpg"),
        make_item("FR"),
    )
)


@pytest.mark.parametrize(
    ("channel", "draft", "text", "urls"),
    [
        ("whatsapp", "Te lo mando: {file:EN-INT}", "Te lo mando:", (BROCHURE,)),
        ("whatsapp", "{file: EN-INT } Aquí está.", " Aquí está.", (BROCHURE,)),
        ("whatsapp", "Uno {file:EN-INT} y otra vez {file:EN-INT} aquí.", "Uno y otra vez aquí.", (BROCHURE,)),
        ("whatsapp", "{file:DE}\n{file:EN-INT}", f"\n{BROCHURE}", ("https://escuela.example/de.jpg",)),
        ("sms", "Míralo: {file:DE}.", "Míralo: https://escuela.example/de.jpg.", ()),
        ("email", "Míralo: {file:EN-INT}", f"Míralo: {BROCHURE}", ()),
        ("sms", "Sin  nada que {price:EN-INT} mandar. ", "Sin  nada que {price:EN-INT} mandar. ", ()),
    ],
)
def test_file_goes_with_the_text_or_its_link_stands_in_it(
    channel: Channel, draft: str, text: str, urls: tuple[str, ...]
) -> None:
    taken = take_files(draft, TENANT, channel)
    assert (taken.text, taken.urls) == (text, urls)


@pytest.mark.parametrize("draft", ["{file:FR}", "{file:}", "{file:https://evil.example/x.pdf}", "{file:EN-INT:1}"])
def test_file_that_is_not_published_asks_for_a_revision(draft: str) -> None:
    with pytest.raises(PriceReferenceError, match="no such file; there are EN-INT, DE"):
        take_files(f"Toma: {draft}", TENANT, "whatsapp")


def test_prices_are_found_beside_files() -> None:
    assert without_files("{price:EN-INT} {file:EN-INT}") == "{price:EN-INT} "


@pytest.mark.parametrize(
    ("url", "content_type"),
    [
        ("https://x.example/a.pdf?v=1", "application/pdf"),
        ("https://x.example/a.JPG", "image/jpeg"),
        ("https://x.example/a", "application/octet-stream"),
    ],
)
def test_type_of_a_file_comes_from_its_name(url: str, content_type: str) -> None:
    assert media_of(url) == {"url": url, "content_type": content_type}


def test_model_is_told_of_files_and_of_those_that_went_along() -> None:
    items = tenant_briefing(TENANT, date(2026, 11, 17))["items"]
    assert isinstance(items, list)
    first, _, without = [item["notes"] for item in items]
    assert first == ["{file:EN-INT} sends its published file along; write it once, if they ask to see it."]
    assert without == []
    ours = make_message(
        "Toma", direction="outbound", author="agent", media=(Media(url=BROCHURE, content_type="application/pdf"),)
    )
    assert spoken([ours], 100)[0]["attachments"] == "a published file of ours went with it"
