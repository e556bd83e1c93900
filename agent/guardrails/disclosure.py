"""The agent says at first contact that it is automated, and never poses as a person.

Sources: EU AI Act art. 50(1), in force since 2026-08-02; California Business & Professions Code § 17941.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime

from agent.folding import words_of
from agent.guardrails.bot_question import is_asked
from agent.guardrails.expressions import first_match, load_alternatives, load_expressions
from agent.guardrails.folded import MAX_CHARS, Folded, fold_text
from agent.guardrails.publications import own_words, publications_of
from agent.guardrails.required_words import starts_in
from agent.guardrails.rule import passed
from agent.guardrails.signatures import find_signatures, names_at_start
from agent.guardrails.word_lists import load_words
from agent.types import PROACTIVE, WRITTEN, Candidate, Tenant, Turn, Verdict

RULE = "disclosure"
VERSION = 6
MAX_EVIDENCE = 120
MAX_INBOUND_CHARS = 4_000

POSES = ("denies_machine", "poses", "lives_like_a_person")
OF_OTHERS = ("poses", "lives_like_a_person")
"""What is said of others where the same sentence tells what the agent is: "people meet you there, I'm an assistant"."""
LIFE = ("personal", "by_hand", "there")
"""What it may say that it does not have or do."""

_SENTENCE = re.compile(r"[^.!?\n\U0001F300-\U0001FAFF]+[.!?\n]*")
_SAYS = load_expressions("disclosure")
_LIFE = load_expressions("disclosure_life")
_CLAIMS = {
    **load_alternatives("disclosure", (*POSES, "poses_when_asked", "claims_role", "introduces", "name_here")),
    **load_alternatives("disclosure_life", LIFE),
}
_FIRST_NAMES = load_words("pii")["first_names"]


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise what the agent writes when it poses as a person, or does not disclose at first contact or when asked."""
    if candidate.author != "agent" or candidate.purpose not in WRITTEN:
        return passed(RULE, VERSION)
    folded = fold_text(candidate.text)
    asked = candidate.purpose not in PROACTIVE and is_asked(turn)
    if found := next(_poses(candidate.text[:MAX_CHARS], folded, turn, tenant, asked=asked), None):
        span = folded.span(*found)
        reason = "The reply poses as a person or denies being automated; say truly what you are."
        evidence = candidate.text[slice(*span)][:MAX_EVIDENCE]
        return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence, span=span, version=VERSION)
    if turn.is_first_contact and not _discloses(candidate.text, folded.text, tenant):
        reason = "This is the first contact: say that you are an automated assistant."
        return Verdict(rule=RULE, outcome="revise", reason=reason, version=VERSION)
    return passed(RULE, VERSION)


def _poses(text: str, folded: Folded, turn: Turn, tenant: Tenant, *, asked: bool) -> Iterator[tuple[int, int]]:
    """Yield the words with which a reply claims to be a person, or where it does not say what it is though `asked`."""
    said, starts = folded.text, starts_in(folded.text)
    for kind in (*POSES, "poses_when_asked") if asked else POSES:
        found = first_match(_CLAIMS[kind].possible(starts), said, 0, len(said))
        if found and not (kind in OF_OTHERS and _admits_beside(found)):
            yield found.span()
    yield from _tells_of_a_life(text, folded, turn)
    for match in _SAYS["claims_role"].finditer(said) if _CLAIMS["claims_role"].possible(starts) else ():
        if not _SAYS["virtual"].match(said, match.end()):
            yield match.span()
    yield from _introductions(text, folded, turn, tenant)
    yield from _folded_spans(find_signatures(text, tenant), folded)
    if _SAYS["asks_who"].search(words_of(turn.text[:MAX_INBOUND_CHARS])):
        yield from _folded_spans(names_at_start(text, tenant), folded)
    if asked and not _answers_truly(said, fold_text(turn.text).text):
        first = re.match(r"[^.!?\n]*\w", said)
        yield first.span() if first else (0, len(said))


def _tells_of_a_life(text: str, folded: Folded, turn: Turn) -> Iterator[tuple[int, int]]:
    """Yield where the reply tells of a body, a home, a past or a meeting, or says yes when asked for such."""
    said, starts = folded.text, starts_in(folded.text)
    for pattern in (pattern for kind in LIFE for pattern in _CLAIMS[kind].possible(starts)):
        for match in pattern.finditer(said):
            denied = _SAYS["denied"].search(said, max(0, match.start() - 16), match.start())
            if not denied and not _SAYS["as_machine"].match(said, match.end()):
                yield match.span()
    past = ("lived", "i_did") if _LIFE["first_person"].search(text) else ()
    yield from _folded_spans((match.span() for key in past for match in _LIFE[key].finditer(text)), folded)
    question = words_of(turn.text[:MAX_INBOUND_CHARS])
    asked_for_life = _LIFE["asks_life"].search(question) and _LIFE["affirms"].match(said)
    here = _LIFE["is_here"].match(said) if _LIFE["asks_person"].search(question) else None
    if (asked_for_life or here) and not (_SAYS["admits_machine"].search(said) or _SAYS["assists"].search(said)):
        yield here.span() if here else (0, len(said))


def _folded_spans(spans: Iterable[tuple[int, int]], folded: Folded) -> Iterator[tuple[int, int]]:
    """Yield where stretches of the original stand in the folded text."""
    for start, end in spans:
        first = min(bisect_left(folded.origins, start), len(folded.origins) - 1)
        yield first, max(first + 1, bisect_left(folded.origins, end))


def _answers_truly(said: str, question: str) -> bool:
    """Say whether a reply to "are you a bot?" says what it is, if only by the right yes or no."""
    stated = "".join(sentence for sentence in _SENTENCE.findall(said) if "?" not in sentence)
    named = (*_SAYS["admits_machine"].finditer(stated), *_SAYS["assists"].finditer(stated))
    if any(_is_of_itself(stated, match) for match in named):
        return True
    of_machine, of_person = bool(_SAYS["machine"].search(question)), bool(_SAYS["person"].search(question))
    if of_machine == of_person:
        return False
    return bool(_SAYS["begins_yes" if of_machine else "begins_no"].match(said))


def _admits_beside(claim: re.Match[str]) -> bool:
    """Say whether the sentence of a claim says of the agent itself that it is a machine."""
    text = claim.string
    start = max(text.rfind(end, 0, claim.start()) for end in ".!?\n") + 1
    sentence = _SENTENCE.match(text, start)
    said = sentence[0] if sentence else ""
    return any(_is_of_itself(said, match) for match in _SAYS["admits_machine"].finditer(said))


def _is_of_itself(stated: str, machine: re.Match[str]) -> bool:
    """Say whether the agent calls itself a machine: "soy un bot", and neither "los bots …" nor "no soy un bot"."""
    before = stated[max(0, machine.start() - 40) : machine.start()]
    if _SAYS["unless"].search(before):
        return False
    return not _SAYS["machine_alone"].fullmatch(machine[0]) or bool(_SAYS["of_itself"].search(before))


def _introductions(text: str, folded: Folded, turn: Turn, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where the reply gives itself a name that is not the assistant's, or the assistant a person's job."""
    starts = starts_in(folded.text)
    kinds = [kind for kind in ("introduces", "name_here") if _CLAIMS[kind].possible(starts)]
    own = own_words(tenant)
    for match in (match for kind in kinds for match in _SAYS[kind].finditer(folded.text)):
        role = _SAYS["role_after_name"].match(folded.text, match.end())
        if not text[folded.origins[match.start("name")]].isupper() or _is_about_others(match, turn, tenant):
            continue
        sentence = re.split(r"[.!?\n]", folded.text[match.start() :], maxsplit=1)[0]
        first = match["name"].split()[0]
        stranger = first not in own and first in _FIRST_NAMES
        if (role or stranger) and not _SAYS["admits_machine"].search(sentence):
            yield match.start(), role.end() if role else match.end()


def _is_about_others(introduction: re.Match[str], turn: Turn, tenant: Tenant) -> bool:
    """Say whether the words rather present staff: "te atiende Carmen", "it's Denise who runs it"."""
    if introduction.groupdict().get("others"):
        return publications_of(tenant).says(introduction["name"].split()[0])
    if introduction.groupdict().get("asked"):
        return not _SAYS["asks_who"].search(words_of(turn.text[:MAX_INBOUND_CHARS]))
    return bool(introduction.groupdict().get("here")) and not _SAYS["here"].match(
        introduction.string, introduction.end()
    )


def _discloses(text: str, folded: str, tenant: Tenant) -> bool:
    """Say whether the reply carries the tenant's disclosure, or says in other words that it is automated."""
    words = words_of(text)
    own = (words_of(disclosure) for disclosure in tenant.disclosure.values())
    return any(disclosure and disclosure in words for disclosure in own) or bool(_SAYS["discloses"].search(folded))
