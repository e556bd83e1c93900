"""The agent says at first contact that it is automated, and never poses as a person.

Sources: EU AI Act art. 50(1), in force since 2026-08-02; California Business & Professions Code § 17941.
"""

import re
from datetime import datetime

from agent.folding import words_of
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "disclosure"
VERSION = 1
MAX_CHARS = 10_000
"""Read at most this much; a longer reply fails `format` on every channel but e-mail, where greetings come first."""

# All patterns read `words_of` text: folded words, one space apart.
_MACHINE = r"(?:robot|robo|bot|chatbot|ia|ai|maquina|machine|computer|programa|program|inteligencia artificial)"
_JOB = (
    r"(?:asesora?|consultora?|vendedora?|ejecutiv[oa]|comercial|atendente|advis[eo]r|consultant|sales rep\w*|agente"
    r"|del equipo|do comercial|de ventas|do time|da equipe|from sales|from the team)"
)
DENIES_MACHINE = re.compile(
    rf"\b(?:no (?:soy|somos|es|estas hablando con)|nao (?:sou|somos|e|esta falando com)|(?:am|m|re|is"
    rf"|are) not|isn t|ain t)"
    rf"(?: talking to| speaking with)?(?: una?| uma?| an?| ningun| nenhum| any)? {_MACHINE}\b"
    rf"|\b(?:que|nada de|nenhum|ningun|no|sin) {_MACHINE} (?:nada|here|aqui|por aqui)\b"
)
CLAIMS_PERSON = re.compile(
    r"(?<!\bno )(?<!\bnao )\b(?:soy|somos|sou|i m|im|i am|we re)"
    r"(?: an?| una?| uma?| 100| very| toda?)?(?: real| actual| verdadera?)?"
    r" (?:personas?|pessoas?|human[oa]?s?|ser humano|person|people|gente)\b"
    r"|\b(?:yes|yep|yeah|sure|si|sim|100)(?: an?| una?| uma?)?(?: real)? (?:human[oa]?|persona?|pessoa)\b"
    r"|\b(?:carne y hueso|carne e osso|flesh and blood|te atiendo personalmente|te atendo pessoalmente)\b"
    rf"|\b(?:soy|me llamo|mi nombre es|aqui e [ao]|me chamo|meu nome e|i m|my name is|this is) (?!la |el "
    rf"|o |a |the |an? )"
    rf"\w{{2,15}}(?: \w{{2,15}})? (?:tu |su |seu |sua |your |una? |uma? |an? )?{_JOB}\b"
)
ADMITS_MACHINE = re.compile(
    r"\b(?:ia|ai|robot|robo|bot|chatbot|inteligencia artificial|artificial intelligence|automated"
    r"|as+istente (?:virtual|digital|automatic\w|automati\w{2,6})|(?:virtual|digital) (?:assistant|agent))\b"
)
ASKS_IF_MACHINE = re.compile(rf"\b{_MACHINE}\b")
ASKS_IF_PERSON = re.compile(
    r"\b(?:eres|es usted|hablo con|sos|voce e|vc e|es|are you|is this)\b.{0,20}"
    r"\b(?:persona|pessoa|human[oa]?|person|gente)\b"
)
BEGINS_NO = re.compile(r"^(?:no|nope|nao|nah|para nada|claro que n[ao]o?|de jeito nenhum|of course not|not at all)\b")
BEGINS_YES = re.compile(r"^(?:yes|yep|yeah|sure|si|sim|claro|of course|absolutely|certamente|por supuesto)\b")


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise the agent's reply when it poses as a person, or does not disclose at first contact."""
    if candidate.author != "agent" or candidate.purpose != "reply":
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    words = words_of(candidate.text[:MAX_CHARS])
    if evidence := _pose(words, words_of(turn.text[:MAX_CHARS])):
        return _revise("The reply poses as a person or denies being automated; say truly what you are.", evidence)
    if turn.is_first_contact and not _discloses(words, tenant):
        return _revise("This is the first contact: say that you are an automated assistant.", "")
    return Verdict(rule=RULE, outcome="pass", version=VERSION)


def _pose(words: str, inbound: str) -> str:
    """Return the words with which the reply claims to be a person, or none."""
    if found := DENIES_MACHINE.search(words) or CLAIMS_PERSON.search(words):
        return found[0]
    if ADMITS_MACHINE.search(words):
        return ""
    if ASKS_IF_MACHINE.search(inbound) and (found := BEGINS_NO.search(words)):
        return found[0]
    if ASKS_IF_PERSON.search(inbound) and (found := BEGINS_YES.search(words)):
        return found[0]
    return ""


def _discloses(words: str, tenant: Tenant) -> bool:
    """Say whether the reply carries the tenant's disclosure, or says in other words that it is automated."""
    own = (words_of(text) for text in tenant.disclosure.values())
    return any(text and text in words for text in own) or bool(ADMITS_MACHINE.search(words))


def _revise(reason: str, evidence: str) -> Verdict:
    return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence, version=VERSION)
