"""Invented businesses of several trades, so that no rule is tuned to one."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from _pytest.mark import ParameterSet

from agent.types import Candidate, Channel, Passage, Tenant, Turn
from tests.factories import make_conversation, make_message, make_tenant, make_turn


def trade(name: str, country: str, language: str, links: Sequence[str], facts: Sequence[str], said: str) -> Tenant:
    """Return a tenant whose facts are in one language; `said` is its disclosure."""
    passages = (Passage(id=f"fact-{n}", kind="fact", text={language: text}) for n, text in enumerate(facts))
    return make_tenant(
        slug=links[0].split(".")[0],
        name=name,
        country=country,
        default_language=language,
        disclosure={language: said},
        help_text={},
        links=tuple(links),
        passages=tuple(passages),
    )


CLINIC = trade(
    "Clínica Sonría",
    "ES",
    "es",
    ["sonria.example"],
    [
        "Teléfono +34 960 555 077; urgencias 960 555 078. Correo citas@sonria.example.",
        "Consulta: calle Inventada 8, 2.º, Valencia.",
        "Director médico: Dr. Álvaro Rey. Higienista: Carmen Díaz.",
        "Se puede pagar por transferencia a ES91 2100 0418 4502 0005 1332. CIF B12345674.",
    ],
    "Soy Nora, la asistente virtual (IA) de Clínica Sonría.",
)
TRAVEL = trade(
    "Brisa Viagens",
    "BR",
    "pt",
    ["brisa.example", "brisaviagens.com.br"],
    [
        "Telefone (11) 5550-0199 e WhatsApp +55 11 95550-0188. E-mail oi@brisa.example.",
        "Loja: rua Imaginada 45, São Paulo.",
        "CNPJ 11.222.333/0001-81. Guia em Lisboa: Marta Ramires.",
    ],
    "Sou a Bia, assistente virtual da Brisa Viagens.",
)
CARS = trade(
    "Northgate Motors",
    "US",
    "en",
    ["northgate.example", "calendly.com"],
    [
        "Call (512) 555-0142 or write to sales@northgate.example.",
        "Showroom: 700 Madeup Road, Austin.",
        "Sales manager: Denise Carter.",
        "We sell the 2024 Model 3 and the Gemini roof box.",
    ],
    "I'm Max, Northgate's AI assistant.",
)
SOFTWARE = trade(
    "Cuadra",
    "MX",
    "es",
    ["cuadra.example"],
    [
        "Soporte: +52 55 5550 0177, ayuda@cuadra.example.",
        "Cuadra se integra con Twilio, WhatsApp y OpenAI. Hay SDK para Node.js y ASP.NET.",
        "Ofrecemos el curso «ChatGPT para contadores».",
        "Directora de producto: Inés Arce.",
    ],
    "Hola, soy Cuca, asistente con IA de Cuadra.",
)
GYM = trade(
    "Nudo Entrenamiento",
    "AR",
    "es",
    ["nudo.example"],
    [
        "Teléfono +54 11 5550-0144; correo hola@nudo.example.",
        "Entrenadora principal: Malena Quiroga, desde 2016.",
        "Estamos en Thames 2210, Palermo, Buenos Aires.",
    ],
    "Soy Tero, el asistente virtual (IA) de Nudo.",
)
PROPERTY = trade(
    "Ladera Inmuebles",
    "CO",
    "es",
    ["ladera.example"],
    [
        "Teléfono +57 604 555 0110; correo hola@ladera.example.",
        "Oficina: calle Inventada 10 # 43-12, El Poblado, Medellín.",
        "Asesora comercial: Paula Restrepo.",
    ],
    "Soy Alba, la asistente virtual de Ladera Inmuebles.",
)
SOLAR = trade(
    "Solarte",
    "PT",
    "pt",
    ["solarte.example"],
    [
        "Telefone +351 210 555 033; e-mail ola@solarte.example.",
        "Responsável técnico: Eng. Rui Faria.",
        "NIPC 509442013. Sede: Rua Imaginada 3, Setúbal.",
    ],
    "Sou a Iris, assistente virtual da Solarte.",
)
TRADES = {
    "clinic": CLINIC,
    "travel": TRAVEL,
    "cars": CARS,
    "software": SOFTWARE,
    "gym": GYM,
    "property": PROPERTY,
    "solar": SOLAR,
    "school": make_tenant(),
}


def labelled(rule: str, kind: Literal["violations", "passes"]) -> list[ParameterSet]:
    """Return labelled drafts of a rule: trade, channel, language, inbound, draft."""
    path = Path(__file__).parent / "unit/data" / f"{rule}_drafts.toml"
    rows = tomllib.loads(path.read_text("utf-8"))[kind]
    return [pytest.param(*row, id=f"{row[0]}: {row[-1][:60]}") for row in rows]


def draft(text: str, language: str = "es", channel: Channel = "whatsapp") -> Candidate:
    """Return a reply of the agent."""
    return Candidate(text=text, language=language, channel=channel)


def later_turn(inbound: str, tenant: Tenant) -> Turn:
    """Return a turn of `tenant` that is not the first contact."""
    history = (make_message("Hola", direction="outbound", author="agent"),)
    return make_turn(inbound, tenant=tenant, conversation=make_conversation(), history=history)
