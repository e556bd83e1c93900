"""Other people in a text: a name that nobody published, together with something about its bearer.

Staff whom the tenant names in its texts pass, and so does what the prospect wrote about people. A name alone is no
data: what makes it so is a customer's role, a purchase, a home, an illness, a debt.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from agent.folding import fold
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.findings import Finding, Known
from agent.guardrails.folded import MAX_CHARS
from agent.guardrails.required_words import Lookup, starts_in
from agent.guardrails.word_lists import any_of, load_words

MAX_NAMES = 50
"""Of one sentence, this many names are looked at."""

_WORDS = load_words("pii")
_FIRST_NAMES = _WORDS["first_names"]
_ILLNESS = "itis"
_TITLES = any_of(_WORDS["titles"])
_CUSTOMERS = any_of(_WORDS["customers"])
_RELATIONS = any_of(_WORDS["relations"])
_SENSITIVE = compiled_on_use(rf"(?<!\w){any_of(_WORDS['sensitive'])}(?!\w)")
_DATA = compiled_on_use(rf"(?<!\w){any_of(_WORDS['data'])}(?!\w)")
_TITLE_FIRST = compiled_on_use(rf"^{_TITLES}\.? ")
_TITLE_BEFORE = re.compile(rf"(?<!\w){_TITLES}\.? $")
_OF_PROSPECT = rf"(?:tu|tus|su|sus|vuestr[oa]|seu|sua|teu|tua|your)_(?:{_RELATIONS})".replace("_", " ")
_RELATIVE = compiled_on_use(rf"(?<!\w){_OF_PROSPECT}(?!\w)")
_RELATIVE_BEFORE = compiled_on_use(rf"(?<!\w){_OF_PROSPECT},? $")
_RELATIVE_ACTS = compiled_on_use(
    rf"(?<!\w){_OF_PROSPECT}(?: \w{{1,12}}){{0,2}} (?P<act>{any_of(_WORDS['acts'])})(?!\w)"
)
_FORMER = r"(?:anterior|actual|nuev[oa]|previ[oa]|atual|nov[oa]|antig[ou][oa]?|here)"
_ROLE_BEFORE = compiled_on_use(
    rf"(?<!\w)(?:{_TITLES}\.?|{_CUSTOMERS}(?: {_FORMER})?,?|{_OF_PROSPECT},?|client is"
    r"|called|named|llamad[oa]|de nombre|un tal|una tal|chamad[oa]|guy|lady|gentleman"
    r"|una pareja,?|um casal,?|a couple,?"
    r"|(?:otr[oa]|outr[oa]|another|other) \w+,?) $"
)
_ROLE_AFTER = compiled_on_use(
    rf"[,(]? ?(?:(?:la|el|the|o|a|un|una|um|uma|our|nuestr[oa]) )?(?:otr[oa] |outr[oa] |other )?{_CUSTOMERS}\b"
)
_NAME = re.compile(
    r"(?<![\w.@/])[A-ZÁÉÍÓÚÂÊÔÃÕÇÑ][a-záéíóúâêôãõçñüà]{1,20}"
    r"(?:[ -](?:(?:de|del|da|do|dos|la|y|e) ){0,2}[A-ZÁÉÍÓÚÂÊÔÃÕÇÑ][a-záéíóúâêôãõçñüà]{1,20}){0,3}(?!\w|[@/])"
)
_HYPOTHETICAL = re.compile(
    r"(?:^|[,:] ?)\W*(?:si|se|caso|if|cuando|quando|when)(?=\s)"
    r"|(?<!\w)(?:puede\w*|podr[ií]a\w*|pode|poderia|can|could|may|might)(?!\w)|[¿?]"
)
_ADDRESSED_BEFORE = re.compile(
    r"(?:^|[.!?\n] ?)\W*(?:hola|oi|ola|hi|hey|hello|dear|querid[oa]|estimad[oa]|gracias|obrigad[oa]|thanks|perfecto"
    r"|perfeito|claro|buen[oa]s? \w+|bom dia|boa \w+|genial|listo|pronto|great|sure|ok),? $"
)
_ADDRESSED_AFTER = re.compile(r"[,!] (?:te|ya|tu|you|your|seu|sua|voce|puedes|pode)(?!\w)")
_IS_SOMEONE = re.compile(
    r",? (?:(?:de|do|da|del|from|in|en|no|na) (?:(?:la|the|su|your|tu|sua|seu) )?"
    r"(?:\w+ )?(?:grupo|turma|turno|group|shift))(?!\w)"
    r"|, (?:la|el|a|o) d[aeo]l? (?!\w+ (?:academic|tecnic|comercial))"
    r"|,? (?:que|who|quien) (?:se |ya |ja |tambien |tambem )?(?:es|esta|tiene|va|viene|vive|trabajan?|hace|usan?|ganan?"
    r"|son|estan|tienen|van|vienen|viven|vino|pago|compro|era|fue|e|tem|mora|faz|veio|pagou|comprou|is|was|has|had|lives?"
    r"|works?|came|bought|paid|uses|takes|runs|owns)(?!\w)"
)
_DOES = compiled_on_use(
    r"(?: (?!puede|podr|pode|can |could|will |te |le |lhe |da |dan |dirige|ensena|teach|leads?|runs)"
    r"[a-z']{1,15}){0,5}? (?:has|had|was|came|comes|goes"
    r"|went|takes|took|owes|got|tiene|tuvo|vino|viene|venia|lleva|paga|debe|esta|estuvo|anda|fue|tem|teve|veio|vem|foi|fez|toma|trata|ta"
    r"|se (?:rompio|opero|hizo|puso|quito|quedo)|[a-z]{3,}(?<!s)ou|[a-z]{3,}ed|[a-z]{2,}eceu)(?!\w)"
)
"""What one behind the name of a customer says: what they do, have or had."""
_CLAUSES = (", que ", " who ", ", quien ")
_HINTS = {
    name: Lookup.of_alternatives(rf"(?<!\w)(?:{pattern})(?!\w)")
    for name, pattern in {
        "sensitive": any_of(frozenset(word for word in _WORDS["sensitive"] if not word.endswith(_ILLNESS))),
        "data": any_of(_WORDS["data"]),
        "relative": _OF_PROSPECT,
        "role": f"{_TITLES}|{_CUSTOMERS}|{_OF_PROSPECT}|client is|called|named|llamad[oa]|nombre|tal|chamad[oa]|guy"
        "|lady|gentleman|pareja|casal|couple|otr[oa]|outr[oa]|another|other",
    }.items()
}
"""Which words a text has, at least, that says such a thing."""
_END_OF_SENTENCE = re.compile(r"[.!?;…](?<!\b(?:Sr|Dr|Mr|Ms)\.)(?<!\b(?:Sra|Dra|Mrs)\.)(?=\s|$)|\n")
_STATES = re.compile(
    r",? (?:ya |ja |que )?"
    r"(?:vino|viene|tiene|esta|debe|pago|compro|fue|veio|tem|deve|pagou|foi|came|has|is|was|owes|paid)(?!\w)"
)


def find_people(text: str, known: Known) -> Iterator[Finding]:
    """Yield other people's names with data, and what a reply tells about somebody the prospect mentioned."""
    hints = _hints(fold(text[:MAX_CHARS]))
    if any(_is_full_name(name[0]) for name in islice(_NAME.finditer(text[:MAX_CHARS]), MAX_NAMES)):
        hints |= {"someone"}
    for start, end in _sentences(text[:MAX_CHARS]) if hints else ():
        sentence = fold(text[start:end])
        told = "sensitive" in hints and any(match[0] not in known.given for match in _SENSITIVE.finditer(sentence))
        about = told or ("data" in hints and bool(_DATA.search(sentence)))
        for name in islice(_NAME.finditer(text, start, end), MAX_NAMES) if about or hints & {"role", "someone"} else ():
            if _is_somebodys(name, known, told=told, about=about, may_have_role="role" in hints):
                yield Finding("another person's data", name.span())
        if "relative" not in hints:
            continue
        acted = (match["act"] for match in _RELATIVE_ACTS.finditer(sentence) if match["act"] not in known.given)
        behind_their_back = any(acted) or (told and _RELATIVE.search(sentence))
        if behind_their_back and not _HYPOTHETICAL.search(text[start : end + 1].lower()):
            yield Finding("another person's data", (start, end))


def _hints(folded: str) -> frozenset[str]:
    """Return what a text may say of people, by its words: without any of it, no name in it is data."""
    starts = starts_in(folded)
    found = {name for name, lookup in _HINTS.items() if lookup.any(starts)}
    if any(clause in folded for clause in _CLAUSES):
        found.add("someone")
    return frozenset(found | {"sensitive"} if _ILLNESS in folded else found)


def _is_somebodys(name: re.Match[str], known: Known, *, told: bool, about: bool, may_have_role: bool) -> bool:
    """Say whether a capitalised name is a person's whom nobody published, and the sentence tells about them.

    `told`: something sensitive that the prospect did not write; `about`: anything that is data with a name.
    """
    words = _words_of_name(name[0])
    is_person = bool(words) and words[0] in _FIRST_NAMES
    is_known = all(word in known.words for word in words)
    if (is_known and not (is_person and told)) or not (is_known or is_person or may_have_role):
        return False
    before, after = fold(name.string[max(0, name.start() - 40) : name.start()]), fold(name.string[name.end() :][:40])
    titled = _TITLE_FIRST.match(fold(name[0]))
    before += titled[0] if titled else ""
    if is_known:
        return bool(_STATES.match(after))
    has_role = may_have_role and bool(_ROLE_BEFORE.search(before) or _ROLE_AFTER.match(after))
    if has_role and (is_person or told or _RELATIVE_BEFORE.search(before)):
        return about or not _TITLE_BEFORE.search(before)
    if has_role and about and _TITLE_BEFORE.search(before):
        return True
    if not is_person or words[0] in known.words or _ADDRESSED_BEFORE.search(before) or _ADDRESSED_AFTER.match(after):
        return False
    about = about or bool(_IS_SOMEONE.match(after)) or (len(words) > 1 and bool(_DOES.match(after)))
    return about and (len(words) > 1 or words[0] not in _WORDS["ambiguous_names"])


def _is_full_name(name: str) -> bool:
    """Say whether a capitalised name is a first name and more."""
    words = _words_of_name(name)
    return len(words) > 1 and words[0] in _FIRST_NAMES


@lru_cache(maxsize=4096)
def _words_of_name(name: str) -> tuple[str, ...]:
    """Return the folded words of a name that tell who it is."""
    words = _TITLE_FIRST.sub("", fold(name), count=1).replace("-", " ").split()
    return tuple(word for word in words if len(word) > 3 or word in _FIRST_NAMES)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence stands; titles such as "Sr." do not end one."""
    start = 0
    for match in _END_OF_SENTENCE.finditer(text):
        if text[start : match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:].strip():
        yield start, len(text)
