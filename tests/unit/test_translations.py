"""Every message of the interface has its translations, with the same places to fill in; and there are no others."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po

import agent
import channels
import jobs
from agent.escalation.why import LABELS
from agent.types import Verdict
from channels.inbox.sentences import SENTENCES, explain, say
from channels.inbox.words import LANGUAGES, Language

ROOT = Path(channels.__file__).parent
TRANSLATED = tuple(each for each in LANGUAGES if each != "en")
SAYING = {"_", "N_", "say", "BadRequest"}
"""Whose first argument is a message: what is wrong with a request is told to whoever sent it."""
REFUSALS = {
    "CannotChangeStaff": 0,
    "CannotErase": 0,
    "CannotJoin": 0,
    "LabelError": 0,
    "MediaRefused": 0,
    "NoTranslation": 0,
    "NotRedrafted": 0,
    "PriceReferenceError": 1,
    "Problem": 1,
    "ProposalStale": 0,
    "VariableError": 1,
}
"""What the agent raises or returns for staff to read, and which argument says it."""
NOT_SHOWN = ("tenant/templates.py", "tenant/yaml.py")
"""Told on the command line, or kept for it, only."""
BY_PYDANTIC = re.compile(r"(Input|String) should |Field required")
PLACES = re.compile(r"%\([a-z_]+\)s|%[sd]|\{[a-z_]*\}")
Ids = str | tuple[str, ...]


def places_of(text: str) -> str:
    """Return a text with each of its places as `{}`: however they are written."""
    return re.sub(r"%\([a-z_]+\)s|%[sd]", "{}", text)


def read_text(node: ast.expr) -> str | None:
    """Return the text that an expression is, `{}` for what is put into it; None: it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)  # type: ignore[misc]  # a constant of an f-string is text
    return None


@cache
def parse(package: Path) -> Mapping[Path, ast.Module]:
    """Return the modules of a package."""
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted(package.rglob("*.py"))}


def list_calls(package: Path) -> Iterator[tuple[Path, str, ast.Call]]:
    """Yield every call of a package: where, of what, with what."""
    for path, tree in parse(package).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, getattr(node.func, "id", getattr(node.func, "attr", "")), node


@cache
def find_messages() -> Mapping[Ids, str]:
    """Return every message that the interface says itself, and where."""
    found: dict[Ids, str] = {}
    for path, name, call in list_calls(ROOT):
        is_ours = path.parent.name == "inbox" or path.name in ("trouble.py", "origin.py")
        text = read_text(call.args[0]) if call.args and name in SAYING and is_ours else None
        if text:
            found.setdefault(text, path.name)
    options = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
    keywords: Mapping[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}
    templates = ROOT / "templates"
    for path in sorted([*(templates / "inbox").iterdir(), *(templates / "evaluation").iterdir()]):
        source = BytesIO(path.read_bytes())
        for _, message, _, _ in extract("jinja2.ext:babel_extract", source, keywords=keywords, options=options):
            found.setdefault(message, path.name)
    return found


@cache
def read_catalogue(language: str) -> Catalog:
    """Return the messages of a language."""
    with (ROOT / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def translated(language: str) -> set[Ids]:
    """Return the messages that a language has whole."""
    return {ids_of(each) for each in read_catalogue(language) if each.id and all(strings_of(each))}


def ids_of(message: Message) -> Ids:
    """Return a message's text, or its singular and plural."""
    return message.id if isinstance(message.id, str) else (*(message.id or ()),)


def strings_of(message: Message) -> tuple[str, ...]:
    """Return a message's translation, or those of its forms."""
    return (message.string,) if isinstance(message.string, str) else (*(message.string or ()),)


@pytest.mark.parametrize("language", TRANSLATED)
class TestCatalogue:
    def test_all_that_pages_say_is_translated(self, language: Language) -> None:
        have = translated(language) | {places_of(each) for each in translated(language) if isinstance(each, str)}
        assert {text: where for text, where in find_messages().items() if text not in have} == {}

    def test_why_work_is_there_is_translated(self, language: Language) -> None:
        assert set(LABELS.values()) - translated(language) == set()

    def test_translations_have_the_same_places(self, language: Language) -> None:
        wrong = []
        for message in filter(lambda each: each.id, read_catalogue(language)):
            forms = (message.id,) if isinstance(message.id, str) else tuple(message.id)
            for said in strings_of(message):
                given, used = set(PLACES.findall(" ".join(forms))), set(PLACES.findall(said))
                # One of something may be said without its number, a sentence of the agent without its ids.
                is_same = used <= given if len(forms) > 1 or forms[0] in SENTENCES else used == given
                wrong += [] if is_same else [(message.id, said)]
        assert wrong == []

    def test_nothing_is_translated_twice(self, language: Language) -> None:
        lines = (ROOT / "locale" / f"{language}.po").read_text("utf-8")
        counted = Counter(re.findall(r'^msgid (".+"(?:\n".*")*)$', lines, re.MULTILINE))
        assert [each for each, times in counted.items() if times > 1] == []

    def test_nothing_is_translated_that_nobody_says(self, language: Language) -> None:
        said = set(find_messages()) | set(LABELS.values()) | set(SENTENCES)
        for package in (agent, channels, jobs):
            for tree in parse(Path(package.__file__ or "").parent).values():
                said |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}  # type: ignore[misc]  # numbers do no harm
        assert translated(language) - said == set()


def test_sentences_are_the_agents_own() -> None:
    written = set()
    for package in (agent, channels):
        for tree in parse(Path(package.__file__ or "").parent).values():
            written |= {read_text(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    skeletons = {re.sub(r"\{[a-z_]*\}", "{}", each) for each in written if each}
    unknown = [each for each in SENTENCES if not BY_PYDANTIC.match(each) and skeleton_of(each) not in skeletons]
    assert unknown == []


def skeleton_of(sentence: str) -> str:
    """Return a sentence as the agent's source has it."""
    return re.sub(r"\{[a-z_]*\}", "{}", places_of(sentence))


def test_every_refusal_of_the_agent_is_known() -> None:
    known = {skeleton_of(each) for each in SENTENCES} | {each for each in translated("es") if isinstance(each, str)}
    unknown = []
    for path, name, call in list_calls(Path(agent.__file__ or "").parent):
        place = REFUSALS.get(name)
        if place is not None and len(call.args) > place and not path.as_posix().endswith(NOT_SHOWN):
            text = (read_text(call.args[place]) or "").removesuffix(" (got {})")
            if text and skeleton_of(text) not in known and text.strip("{}. "):
                unknown.append(f"{path.name}: {text}")
    assert unknown == []


@pytest.mark.parametrize(
    ("text", "spanish", "portuguese"),
    [
        ("pricing is simple", "Pregunta un precio: sencillo", "Pergunta um preço: simples"),
        (
            "the text in pt is missing (got 7)",
            "falta el texto en pt (se escribió 7)",
            "falta o texto em pt (foi escrito 7)",
        ),
        (
            "Not added: the file is empty.",
            "No se ha añadido: el archivo está vacío.",
            "Não foi adicionado: o arquivo está vazio.",
        ),
        ("{{x}}: there is no such variable. There are a.", "{{x}}: no existe esa variable. Hay a.", None),
        ("is required", "es obligatorio", "é obrigatório"),
        ("100 %(x)s % of {nothing} we know", "100 %(x)s % of {nothing} we know", "100 %(x)s % of {nothing} we know"),
        ("", "", ""),
    ],
    ids=["intent", "nested", "in a sentence", "braces", "plain", "unknown", "empty"],
)
def test_sentences_are_put_into_other_words(text: str, spanish: str, portuguese: str | None) -> None:
    assert say(text, "en") == text
    assert say(text, "es") == spanish
    if portuguese is not None:
        assert say(text, "pt") == portuguese


def test_a_verdict_is_its_own_words_in_english_and_the_guardrails_elsewhere() -> None:
    verdict = Verdict(rule="pricing", outcome="hold", reason="This amount is nowhere.", evidence="399 €")
    assert explain(verdict, "en") == "This amount is nowhere."
    assert explain(verdict, "es") == "Habla de dinero que tu catálogo no respalda: «399 €»."
