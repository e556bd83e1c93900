"""Markdown as each channel shows it: a table, and what must hold for every text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agent.markup import format_for
from agent.types import Channel
from tests.tables import each_row

CASES: dict[str, tuple[str, str, str]] = {
    "nothing to do": ("Son 399,00 € al mes.", "Son 399,00 € al mes.", "Son 399,00 € al mes."),
    "bold": ("Son **399,00 €** al mes.", "Son *399,00 €* al mes.", "Son 399,00 € al mes."),
    "bold by underscores": ("Son __399,00 €__.", "Son *399,00 €*.", "Son 399,00 €."),
    "bold already": ("Son *399,00 €*.", "Son *399,00 €*.", "Son 399,00 €."),
    "italic": ("Es _muy_ bueno.", "Es _muy_ bueno.", "Es muy bueno."),
    "bold and italic": ("***Oferta***", "*_Oferta_*", "Oferta"),
    "bold around italics": ("**el *mejor* curso**", "*el mejor curso*", "el mejor curso"),
    "bold within a word": ("pre**ci**o", "precio", "precio"),
    "bold label before an amount": ("**Precio:**399 €", "Precio:399 €", "Precio:399 €"),
    "two in a line": ("**A** y **B**", "*A* y *B*", "A y B"),
    "struck": ("~~50 €~~ 40 €", "~50 €~ 40 €", "~~50 €~~ 40 €"),
    "code": ("Usa `EARLY10`.", "Usa `EARLY10`.", "Usa EARLY10."),
    "marks within code": ("Usa `A__B__C`.", "Usa `A__B__C`.", "Usa A__B__C."),
    "block of code": ("```\na **b**\n```", "```\na **b**\n```", "a b"),
    "heading": ("# Horarios\nLunes", "*Horarios*\nLunes", "Horarios\nLunes"),
    "bold heading, closed": ("## **Horarios** ##", "*Horarios*", "Horarios"),
    "heading about C#": ("# C#", "*C#*", "C#"),
    "number sign": ("Somos #1 en Madrid", "Somos #1 en Madrid", "Somos #1 en Madrid"),
    "bullets": ("* uno\n* dos", "- uno\n- dos", "- uno\n- dos"),
    "bullets of amounts": ("* 5 € al mes\n* 50 € al año",) * 3,
    "nested bullets": ("- uno\n  * dos", "- uno\n  - dos", "- uno\n  - dos"),
    "a phone number is no bullet": ("+ 34 600 111 222",) * 3,
    "numbered": ("1. uno\n2. dos",) * 3,
    "bold bullets": ("* **Uno**: a\n* **Dos**: b", "- *Uno*: a\n- *Dos*: b", "- Uno: a\n- Dos: b"),
    "quote": ("> como dijiste",) * 3,
    "link": (
        "Mira [los cursos](https://lumen.example/c_1_a).",
        "Mira los cursos: https://lumen.example/c_1_a.",
        "Mira los cursos: https://lumen.example/c_1_a.",
    ),
    "link with brackets": (
        "[guía](https://x.example/a_(b))",
        "guía: https://x.example/a_(b)",
        "guía: https://x.example/a_(b)",
    ),
    "link named by itself": (
        "[lumen.example](https://lumen.example)",
        "https://lumen.example",
        "https://lumen.example",
    ),
    "link in angles": ("<https://lumen.example/a>", "https://lumen.example/a", "https://lumen.example/a"),
    "image": ("![plano](https://x.example/p.png)", "plano: https://x.example/p.png", "plano: https://x.example/p.png"),
    "bold link": ("**[Web](https://x.example)**", "Web: https://x.example", "Web: https://x.example"),
    "marks within a link": ("https://x.example/__init__/*a*",) * 2 + ("https://x.example/__init__/a",),
    "bold after a link": (
        "https://x.example **hoy** y **ya**",
        "https://x.example *hoy* y *ya*",
        "https://x.example hoy y ya",
    ),
    "mail address": ("ana_maria_ruiz@x.example",) * 3,
    "multiplication": ("2 * 3 * 4 = 24, 5*3*2",) * 3,
    "footnote": ("Precio* sin IVA",) * 3,
    "unpaired": ("**Oferta: 40 €",) * 3,
    "rule": ("uno\n\n---\n\ndos", "uno\n\ndos", "uno\n\ndos"),
    "many blank lines": ("uno\n\n\n\ndos", "uno\n\ndos", "uno\n\ndos"),
    "accents and emoji": ("**¡Hola, Íñigo! 👋**", "*¡Hola, Íñigo! 👋*", "¡Hola, Íñigo! 👋"),
    "dollars": (
        "**R$ 2.390,00** ou 6x de **R$ 398,33**",
        "*R$ 2.390,00* ou 6x de *R$ 398,33*",
        "R$ 2.390,00 ou 6x de R$ 398,33",
    ),
}


@each_row(("text", "whatsapp", "plain"), CASES.values(), ids=CASES.keys())
def test_text_becomes_what_the_channel_shows(text: str, whatsapp: str, plain: str) -> None:
    assert format_for(text, "whatsapp") == whatsapp
    assert format_for(text, "sms") == format_for(text, "email") == plain


CHANNELS = st.sampled_from(["whatsapp", "sms", "email"])
PIECES = st.sampled_from(
    [
        *(
            "*",
            "**",
            "***",
            "_",
            "__",
            "~~",
            "`",
            "```",
            "# ",
            "## ",
            "- ",
            "* ",
            "> ",
            "\n",
            " ",
            "[",
            "](",
            ")",
            "<",
            ">",
        ),
        *("hola", "399,00 €", "R$ 2.390,00", "EARLY10", "a", "1", "[aquí](https://x.example/a)", "<https://y.example>"),
        *("https://z.example/a_b_c", "ana_m@x.example", "¿", ".", ":", "---", "\ue000", "1. "),
    ]
)
MARKDOWN = st.lists(PIECES, max_size=40).map("".join)
_WORD = re.compile(r"[^\W_]+")


@given(text=MARKDOWN, channel=CHANNELS)
def test_no_word_number_or_link_is_lost(text: str, channel: Channel) -> None:
    shown = format_for(text, channel)
    assert [word for word in _WORD.findall(text) if word not in shown] == []
    if "](" not in text:  # a link that is named by its own address is told once
        assert "".join(_WORD.findall(shown)) == "".join(_WORD.findall(text))


@given(before=MARKDOWN, after=MARKDOWN, channel=CHANNELS)
def test_link_stays_whole_whatever_is_around_it(before: str, after: str, channel: Channel) -> None:
    shown = format_for(f"{before} [aquí](https://lumen.example/a_b_c) {after}", channel)
    assert re.search(r"(?<!\S)https://lumen\.example/a_b_c(?!\S)", shown)


@given(text=MARKDOWN, channel=CHANNELS)
def test_converted_text_converts_to_itself(text: str, channel: Channel) -> None:
    shown = format_for(text, channel)
    assert format_for(shown, channel) == shown
    assert len(shown) <= len(text)


@given(text=st.text(max_size=200), channel=CHANNELS)
def test_any_text_is_converted(text: str, channel: Channel) -> None:
    shown = format_for(text, channel)
    assert format_for(shown, channel) == shown
