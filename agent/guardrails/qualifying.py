"""Whether a reply makes an offer depend on something, and on nothing that rules a published condition out (P5)."""

import re
from functools import lru_cache

QUALIFIES = re.compile(
    r"\b(?:si|cuando|siempre que|siempre y cuando|quien(?:es)?|solo para"
    r"|para (?:quien(?:es)?|l[oa]s|clientes|alumn[oa]s)"
    r"|al (?:contrat|compr|pag|firm|reserv|adher|domicili|inscrib|llev|hac|cerr)\w+|contratand\w+|comprand\w+|pagand\w+"
    r"|se (?:voce|voces|fech\w+|contrat\w+|compr\w+|pag\w+|for\b|forem|faz\w*|fiz\w*|vai|vier\w*"
    r"|lev\w+|assin\w+|quiser\w*)"
    r"|quando|quem|desde que|contanto que|para quem|fechand\w+|assinand\w+|aderind\w+|levand\w+|inscrev\w+-se"
    r"|ao (?:contrat|compr|pag|fech|assin|reserv|ader|inscrev|lev|faz)\w+"
    r"|if|when|whoever|any(?:one|body) who|people who|those who|as long as|provided|once you|sign up|for (?:students"
    r"|clients|members|customers|guests|couples|groups|companies)|(?:students|clients|members|customers|guests)"
    r" (?:who |of |on |with )?(?:\w+ ){0,5}(?:get|pay|have|save)|(?:alunos|clientes|alumnos|socios) (?:\w+ ){0,4}"
    r"(?:tem|tienen|pagam|pagan)|(?:con|com|with|on) (?:un|um|a|an) (?:\w+ )?(?:contrat\w*|contract|plan|plano))\b"
)
"""How a text makes something depend on a condition, whatever it is."""
OTHERWISE_MET = re.compile(
    r"\b(?:hoy|hoje|today|tonight|ahora mismo|agora mesmo|right now|esta (?:semana|misma|noche)|(?:nesta|essa) semana"
    r"|this week|en (?:las proximas|24|48)|te decides|decidir|decide|like|gusta|gostar|want|quieres|quiser|wish"
    r"|prefier\w+"
    r"|prefer\w*|recomiend\w+|recomend\w+|review|resena|avalia\w+|instagram|story|stories|share|compart\w+|publi\w+"
    r"|follow"
    r"|sigues|segue|mention|mencion\w+|tell us|dices|says?|ask|pides|pede|turno de|manana|manha|mornings?|tardes?"
    r"|evenings?|afternoons?)\b"
)
"""Conditions that are no kind of purchase: deciding today, asking for it, telling others."""
ALONE = re.compile(
    r"\b(?:on (?:your|my) own|by (?:your|my)self|just (?:me|you)|only you|you alone|for one|alone"
    r"|sol[oa] (?:tu|yo|vos|una?)"
    r"|(?:para|por) (?:ti|vos) sol[oa]|sin pareja|sem par\b"
    r"|(?:mi|tu|su|meu|seu) \w+ (?:solo|sozinho)|sozinh[oa]|no partner|without a partner|so (?:eu|voce))\b"
)
"""How a text says that there is no second person."""
FOREIGN = frozenset(
    {
        "cash", "transfer", "pix", "card", "debit", "student", "teacher", "senior", "military", "referral", "birthday",
        "trade_in", "insured", "disability", "women", "nonprofit", "startup", "first_time", "loyal", "low_season",
        "night", "young", "financing", "online",
    }
)  # fmt: skip
"""Concepts that make a condition another one where the published one does not have them."""
_DENIES = re.compile(
    r"\b(?:(?:no|nao|nunca) (?:soy|somos|sou|fui|tengo|tenemos|tenho|temos|eres|es)"
    r"|(?:i am|i m|i'm|we are|we re|we're) not"
    r"|(?:i|we) (?:don t|don't|do not) have)(?: (?:un|una|um|uma|an?|any|ningun|nenhum|todavia|ainda|yet))? [a-z]+"
)
_PT_DAY = re.compile(
    r"\b(na|numa|nas|nesta|esta|proxima|toda|cada) (segunda|terca|quarta|quinta|sexta)\b(?! feira)"
    r"(?! (?:vez|pessoa|aula))"
)
_ORDINAL = re.compile(
    r"\b(second|third|tercer[oa]?|terceir[oa]|fourth|cuart[oa]|quart[oa]|fifth|quint[oa]|sixth|sext[oa]|eighth|octav[oa]"
    r"|oitav[oa]|tenth|decim[oa])\b(?! (?:feira|parte|of the (?:price|total)))"
)
_NTH = {
    "sec": 2, "thi": 3, "ter": 3, "fou": 4, "cua": 4, "qua": 4, "fif": 5, "qui": 5, "six": 6, "sex": 6, "eig": 8,
    "oct": 8, "oit": 8, "ten": 10, "dec": 10,
}  # fmt: skip


def ordinals_in(words: str) -> frozenset[int]:
    """Return what folded words count up to: "a fourth one" speaks of four."""
    return frozenset(_NTH[match[1][:3]] for match in _ORDINAL.finditer(words))


@lru_cache(maxsize=64)
def without_denials(words: str) -> str:
    """Return folded words without what somebody says not to be, or not to have: "não sou aluno"."""
    return _DENIES.sub(" ", words)


def with_whole_days(words: str) -> str:
    """Return folded Portuguese words with the days of the week in full: "na sexta" as "na sexta feira"."""
    return _PT_DAY.sub(r"\1 \2 feira", words)
