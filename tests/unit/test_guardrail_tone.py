"""Tone: kind in every language, and no false alarm on a kind no."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from agent.guardrails import tone
from agent.types import Candidate, Passage, Tenant, Verdict
from tests.factories import NOW, make_tenant, make_turn
from tests.hostile import assert_linear
from tests.tables import each_row

DATA = Path(__file__).parent / "data"


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def read_cases(kind: str) -> Iterator[ParameterSet]:
    for case in (case for name in ("tone_cases", "tone_cases_more") for case in read_toml(name)["cases"]):
        for text in case.get(kind, ()):
            yield pytest.param(case["language"], text, id=f"{case['language']}: {text[:60]}")


def verdict_on(text: str, language: str, tenant: Tenant | None = None, inbound: str = "Hola") -> Verdict:
    turn = make_turn(inbound, tenant=tenant or make_tenant())
    return tone.check(Candidate(text=text, language=language, channel="whatsapp"), turn, turn.tenant, NOW)


@each_row(("language", "text"), list(read_cases("rude")))
def test_unkind_text_is_revised(language: str, text: str) -> None:
    verdict = verdict_on(text, language)
    assert verdict.outcome == "revise"
    assert verdict.span is not None
    assert text[slice(*verdict.span)].startswith(verdict.evidence[:20])


@each_row(("language", "text"), list(read_cases("kind")))
def test_kind_text_passes(language: str, text: str) -> None:
    verdict = verdict_on(text, language)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)


def test_scarcity_passes_where_it_is_published() -> None:
    left = Passage(id="left", kind="fact", text={"es": "Quedan 3 plazas en el grupo de abril."})
    text = "Quedan 3 plazas en el grupo de abril."
    assert verdict_on(text, "es", make_tenant(passages=(left,))).outcome == "pass"
    assert verdict_on(text.replace("3", "2"), "es", make_tenant(passages=(left,))).outcome == "revise"


@pytest.mark.parametrize("text", ["For f**k's sake.", "P0rra, de novo?", "Qué m!erda.", "Oh sh1t.", "V3rga, otra vez."])
def test_masked_swearing_is_revised(text: str) -> None:
    assert verdict_on(text, "en").reason == "The reply swears."


@pytest.mark.parametrize("text", ["*Hola*, Ana.", "Son 2*3 m.", "Escribe a info@tienda.example.", "Plan B2B y 4G."])
def test_signs_in_words_are_no_swearing(text: str) -> None:
    assert verdict_on(text, "es").outcome == "pass"


def test_ill_of_a_name_the_prospect_has_brought_up_is_revised() -> None:
    asked = "I'm also looking at stockpilot"
    assert verdict_on("StockPilot? Held together with duct tape.", "en", inbound=asked).outcome == "revise"
    assert verdict_on("StockPilot is a solid tool. Here is what we do.", "en", inbound=asked).outcome == "pass"
    assert verdict_on("Sorry to hear that StockPilot was a nightmare.", "en", inbound=asked).outcome == "pass"


@each_row(
    ("inbound", "text"),
    [
        ("hay otra academia más barata", "Más barata, claro, porque los profesores no tienen ni la carrera acabada."),
        ("prefiero ir a otro dentista", "Suerte. A ese lo conocemos: deja la boca peor de lo que estaba."),
        ("me sale mejor en la otra autoescuela", "Allí nadie aprueba, cobran y se olvidan de ti."),
        ("a outra escola é mais barata", "Mais barata porque lá o professor aprendeu inglês vendo série."),
        ("vou no dentista do bairro", "Aquele lá? Metade da cidade já foi refazer com a gente."),
        ("o outro me fez por menos", "Por menos e com material de segunda, né? Boa sorte."),
        ("I'm going with another school", "Ok. Half their instructors couldn't pass the course they teach."),
        ("your competitor has better reviews", "Those reviews are bought, everybody in this business knows it."),
        ("another gym is nearer", "Enjoy it then. They never clean and half the machines are broken."),
        ("my accountant says wait", "Your accountant is covering himself, he's useless."),
    ],
)
def test_ill_of_others_the_prospect_speaks_of_is_revised(inbound: str, text: str) -> None:
    assert verdict_on(text, "es", inbound=inbound).outcome == "revise"
    assert verdict_on(text, "es").outcome == "pass"


def test_verdict_names_the_clause_that_is_unkind() -> None:
    text = "Hola, Ana. El kit cuesta lo mismo; no seas tonta."
    verdict = verdict_on(text, "es")
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == "no seas tonta"


@pytest.mark.parametrize(
    "piece", ["no seas ", "si no te ", "te lo ", "a" * 30 + " ", "la otra escuela es ", "¡¿", ", "]
)
def test_long_hostile_text_is_read_in_linear_time(piece: str) -> None:
    assert_linear(lambda text: verdict_on(text, "es"), piece, 4_000)
