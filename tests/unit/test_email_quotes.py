"""Quote and signature stripping, on samples written from the documented formats of the clients."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email_body import read_body
from channels.email_html import read_html
from channels.email_mime import read_mime
from channels.email_quotes import split_reply
from tests.tables import each_row
from tests.unit.mail_clients import MailSample, samples
from tests.unit.mail_texts import PLAIN, Sample
from tests.unit.mail_texts_html import HTML

RARE = tomllib.loads((Path(__file__).parent / "data" / "rare_mails.toml").read_text(encoding="utf-8"))


@each_row("sample", PLAIN.values(), ids=PLAIN.keys())
def test_plain_mail_keeps_only_what_its_author_wrote(sample: Sample) -> None:
    assert split_reply(sample.text).reply == sample.reply


@each_row("history", RARE["history"].values(), ids=RARE["history"].keys())
def test_history_of_a_rarer_client_is_cut(history: str) -> None:
    reply = "Hola, sí me interesa.\n¿Cuánto cuesta?"
    assert split_reply(f"{reply}\n\n{history}").reply == reply


@pytest.mark.parametrize("text", RARE["whole"].values(), ids=RARE["whole"].keys())
def test_what_only_looks_like_history_stays(text: str) -> None:
    assert split_reply(text).reply == text


@pytest.mark.parametrize("sample", HTML.values(), ids=HTML.keys())
def test_html_mail_keeps_only_what_its_author_wrote(sample: Sample) -> None:
    assert split_reply(read_html(sample.text).marked).reply == sample.reply


def is_right(sample: MailSample) -> bool:
    reply = read_body(read_mime(sample.mail.as_bytes())).split.reply
    return all(words in reply for words in sample.has) and not any(words in reply for words in sample.has_not)


def test_at_least_95_percent_of_the_clients_table_is_right(record_property: Callable[[str, object], None]) -> None:
    """Clients × languages × placement × plain text, HTML and both; see `mail_clients`."""
    table = list(samples())
    missed = [sample.name for sample in table if not is_right(sample)]
    record_property("quote_stripping", f"{len(table) - len(missed)} of {len(table)}")
    assert len(table) >= 60
    assert len(missed) <= len(table) * 0.05, missed


def test_what_was_cut_is_kept_as_quoted() -> None:
    split = split_reply("Sí\n\nEl jue, 12 nov 2026 a las 10:15, Lumen <hola@lumen.example> escribió:\n> Hola")
    assert split.quoted.endswith("> Hola")
    assert "escribió" in split.quoted


LINES = st.sampled_from(
    [line for text, _ in PLAIN.values() for line in text.split("\n")] + ["", ">", "--", "De:", "____________"]
)


@given(st.lists(LINES, max_size=40))
def test_any_mixture_of_lines_yields_a_part_of_the_text(lines: list[str]) -> None:
    text = "\n".join(lines)
    written = {line.strip() for line in lines}
    assert all(line.strip() in written for line in split_reply(text).reply.split("\n") if line)


@given(st.text(max_size=400))
def test_any_text_without_marks_survives_whole(text: str) -> None:
    letters = " ".join(part for part in text.split() if part.isalpha())
    assert split_reply(letters).reply == letters
