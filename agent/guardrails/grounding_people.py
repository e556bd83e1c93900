"""Finds what a reply says of the people and the standing of a business, where nothing of the sort is published.

How somebody came to know their trade, whose employees they are, who has certified them: such a claim is not borne out
by their name or their number. What is looked for is told in `grounding_words_claims.toml`.
"""

import re
from collections.abc import Iterator

from agent.guardrails.expressions import Alternatives
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_reading import Reading
from agent.guardrails.grounding_statement import Conversation
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import LISTS, alternatives, family, find_concepts
from agent.guardrails.required_words import starts_in

_OF_PERSON = {kind: Alternatives(alternatives("people", kind)) for kind in ("studies", "career", "honours")}
_QUALIFIED = Alternatives(alternatives("people", "published"))
"""What is published of somebody's studies in whatever words."""
_EMPLOYMENT = Alternatives(alternatives("standing", "employment"))
_CREDENTIAL = Alternatives(alternatives("standing", "credential"))
_STAFF = frozenset({"units:staff", "topics:teachers"})
_FULL_NAME = 2
"""Words of a name that tells a person."""
_LEAST_LETTERS = 4
_WORD = re.compile(r"[a-z0-9]+")
_AGENT_ENDS = re.compile(r" (?:y|e|and|desde|since|con|com|with|que|which|who|to|para|as|como|for|in|en|em) |[,.;:()]")
_VOUCHES = re.compile(
    r"\b(?:certif|acredit|accredit|homolog|regist|aval|reconoc|reconhec|recogni|member|miembro|membro|licen|autori|authori"
    r"|afili|affili|aprob|aprov|habilit|approv|audit|regula|parceir|partner|colegiad)\w*"
)
"""A published line without such a word names nobody who vouches for the business."""
_BODIES = re.compile(
    r"(?:departm|depart|minist|instit|federa|associ|asocia|chamber|camara|counc|conse|board|direct|secretar|nation|nacion"
    r"|offic|oficial|health|salud|saude|educat|educac|sport|deport|esport|labou?r|trabaj|trabalh|transp|school|escuela"
    r"|escola|colegio|ordem|order|authori|autorid|agenc|regist|body|entidad|organi|government|gobiern|govern|state|estad)"
)
"""Words of whoever vouches that are told otherwise in another language."""
_OWN = re.compile(
    r"^ (?:the |el |la |o |a )?(?:our|us|nuestr\w+|noss\w+|team|equipo|equipe|time|family|familia|your|tu|su|seu)\b"
)


def unpublished_standing(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Clause]:
    """Yield the clauses that tell of people, of their employment or of who vouches for them what is not published."""
    for at, clause in enumerate(reading.clauses):
        if not clause.is_claim:
            continue
        is_biography = not clause.is_denied and _is_biography(reading, at, facts, talk)
        if is_biography or _is_new(_EMPLOYMENT, clause.text, facts) or _is_uncertified(clause, facts, talk):
            yield clause


def _is_new(patterns: Alternatives, text: str, facts: Facts) -> bool:
    """Say whether a text tells something of a sort of which nothing is published."""
    return _is_told(patterns, text) and not _is_told(patterns, facts.text)


def _is_told(patterns: Alternatives, text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns.possible(starts_in(text)))


# --- how somebody came to know their trade ----------------------------------------------------------------------


def _is_biography(reading: Reading, at: int, facts: Facts, talk: Conversation) -> bool:
    """Say whether a clause tells how one of the staff came to know their trade."""
    text = reading.clauses[at].text
    told = [kind for kind, patterns in _OF_PERSON.items() if _is_new(patterns, text, facts)]
    if told == ["studies"] and _is_told(_QUALIFIED, facts.text):
        return False  # in other words
    return bool(told) and _is_about_staff(reading, at, facts, talk.language)


def _is_about_staff(reading: Reading, at: int, facts: Facts, language: str) -> bool:
    """Say whether a sentence, or the one before it, names one of the staff, or tells of them."""
    number = reading.clauses[at].sentence
    near = [clause for clause in reading.clauses if number - 1 <= clause.sentence <= number]
    words = [word for clause in near for word in clause.words]
    return not _persons(facts).isdisjoint(words) or any(f.concept in _STAFF for f in find_concepts(words, language))


def _persons(facts: Facts) -> frozenset[str]:
    """Return the words of published names that may tell persons: of two words or more, and nothing else's."""
    names = (name.value for name in facts.of("name") if isinstance(name.value, tuple) and len(name.value) >= _FULL_NAME)
    return frozenset(word for name in names if not find_concepts(name, "en") for word in name) - LISTS["links"]


# --- who vouches for the business -------------------------------------------------------------------------------


def _is_uncertified(clause: Clause, facts: Facts, talk: Conversation) -> bool:
    """Say whether a clause names somebody who vouches for the business, and nothing published does."""
    if clause.is_denied:
        return False
    for pattern in _CREDENTIAL.possible(starts_in(clause.text)):
        match = pattern.search(clause.text)
        if not match or _OWN.match(clause.text[match.end() :]):
            continue
        if not _is_vouched(_agent(clause, match), facts, is_translated=talk.language != talk.home):
            return True
    return False


def _agent(clause: Clause, match: re.Match[str]) -> list[str]:
    """Return the words of whom a clause names as vouching; none where nobody is named."""
    after = _AGENT_ENDS.split(clause.text[match.end() :], maxsplit=1)[0]
    same = len(clause.raw) == len(clause.text)
    written = clause.raw[match.end() : match.end() + len(after)] if same else after
    if written == written.lower() and not clause.raw.islower():
        return []
    return [word for word in _WORD.findall(after) if len(word) >= _LEAST_LETTERS and word not in LISTS["stops"]]


def _is_vouched(agent: list[str], facts: Facts, *, is_translated: bool) -> bool:
    """Say whether a published line names the same as vouching for the business, in whatever language."""
    published = [frozenset(_WORD.findall(line)) for line in facts.text.split("\n")]
    if any(line.issuperset(agent) for line in published):
        return True
    lines = [line for line in facts.text.split("\n") if _VOUCHES.search(line)]
    families = {family(word) for line in lines for word in _WORD.findall(line) if len(word) >= _LEAST_LETTERS}
    agent = [word for word in agent if not (is_translated and lines and _BODIES.match(word))]
    unknown = [word for word in agent if family(word) not in families]
    if is_translated and not unknown:
        return bool(lines)
    return len(unknown) < len(agent) and len(unknown) * 2 <= len(agent)
