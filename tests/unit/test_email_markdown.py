"""Markdown of drafts in mails: what is a mark, what is not, and that nothing escapes the escaping."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email_markdown import as_html, as_plain

CASES = [
    ("words", "Hola, Ana.", "Hola, Ana.", "<p>Hola, Ana.</p>"),
    ("paragraphs", "Uno\ndos\n\n\ntres", "Uno\ndos\n\n\ntres", "<p>Uno<br>\ndos</p>\n<p>tres</p>"),
    ("bold", "El **B2** cuesta **120 €**.", "El B2 cuesta 120 €.",
     "<p>El <strong>B2</strong> cuesta <strong>120 €</strong>.</p>"),
    ("bold of underscores", "__Importante__: hoy", "Importante: hoy", "<p><strong>Importante</strong>: hoy</p>"),
    ("italics", "Es *muy* útil y _breve_", "Es muy útil y breve", "<p>Es <em>muy</em> útil y <em>breve</em></p>"),
    ("products and powers stay", "2*3 y 4*5, 2 * 3 * 4, 5**2**1", "2*3 y 4*5, 2 * 3 * 4, 5**2**1",
     "<p>2*3 y 4*5, 2 * 3 * 4, 5**2**1</p>"),
    ("names with underscores stay", "el_curso_b2 y __init", "el_curso_b2 y __init", "<p>el_curso_b2 y __init</p>"),
    ("link", "Mira [el plan](https://lumen.example/a?b=1&c=2)", "Mira el plan (https://lumen.example/a?b=1&c=2)",
     '<p>Mira <a href="https://lumen.example/a?b=1&amp;c=2">el plan</a></p>'),
    ("link named after itself", "[https://lumen.example](https://lumen.example)", "https://lumen.example",
     '<p><a href="https://lumen.example">https://lumen.example</a></p>'),
    ("address", "Está en https://lumen.example/b2. ¿Vale?", "Está en https://lumen.example/b2. ¿Vale?",
     '<p>Está en <a href="https://lumen.example/b2">https://lumen.example/b2</a>. ¿Vale?</p>'),
    ("address in bold", "**https://lumen.example**", "https://lumen.example",
     '<p><strong><a href="https://lumen.example">https://lumen.example</a></strong></p>'),
    ("no link but to the web", "[x](javascript:alert(1)) [y](/etc)", "[x](javascript:alert(1)) [y](/etc)",
     "<p>[x](javascript:alert(1)) [y](/etc)</p>"),
    ("bullets", "Hay:\n- **uno**\n* dos\n• tres\nfin", "Hay:\n- uno\n- dos\n- tres\nfin",
     "<p>Hay:</p>\n<ul>\n<li><strong>uno</strong></li>\n<li>dos</li>\n<li>tres</li>\n</ul>\n<p>fin</p>"),
    ("numbers are kept", "1. uno\n3) tres", "1. uno\n3) tres",
     '<ol>\n<li value="1">uno</li>\n<li value="3">tres</li>\n</ol>'),
    ("a year begins no list", "2026. Un año", "2026. Un año", "<p>2026. Un año</p>"),
    ("negative number", "-5 °C", "-5 °C", "<p>-5 °C</p>"),
    ("heading", "## Precios ##\nB2: 120 €", "Precios\nB2: 120 €", "<p><strong>Precios</strong><br>\nB2: 120 €</p>"),
    ("markup is text", "<b>x</b> & \"y\"", "<b>x</b> & \"y\"", "<p>&lt;b&gt;x&lt;/b&gt; &amp; &quot;y&quot;</p>"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "plain", "page"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_marks_are_read(text: str, plain: str, page: str) -> None:
    assert as_plain(text) == plain
    assert as_html(text) == page


@given(st.text(alphabet="ab 1.*_-#[]()<>&\"'\nhtps:/x", max_size=200))
def test_only_our_own_tags_come_out(text: str) -> None:
    tags = set(re.findall(r"<[^>]*>", as_html(text)))
    allowed = re.compile(r'</?(p|ul|ol|li|strong|em|a)>|<br>|<li value="\d+">|<a href="https?://[^"<>\s]+">')
    assert all(allowed.fullmatch(tag) for tag in tags), tags


def test_many_marks_are_read_in_no_time() -> None:
    assert as_plain("**a " * 5_000 + "[x](" * 2_000).startswith("**a")
