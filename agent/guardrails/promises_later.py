"""What a reply says of a later time: that a price still holds then, or that work is done by then."""

import re
from collections.abc import Iterator
from re import Match

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.mentions import MONTHS
from agent.guardrails.sentences import Sentence, is_denied, is_hedged
from agent.guardrails.terms import days_of

_MONTH = "|".join(name for name in " ".join(MONTHS).split() if len(name) > 3 or name == "may")
"""Without short forms: "em dez vezes" is ten times."""
_MONEY = re.compile(
    r"[$€£] ?\d|\d ?(?:€|£|eur|euros?|usd|mxn|cop|brl|reais|pesos|dolar\w*|dollars|pounds)\b"
    r"|\d{1,3}(?:[.,]\d{3})+(?!\d)|\d{3}"
)
_STILL = compiled_on_use(
    r"\b(?:still|sigu?e\w*|seguir\w*|igual|mism[oa]|mesm[oa]|same|continu\w+|mant(?:en|ien|em)\w*|keep\w*"
    r"|stays?|remains?|todavia"
    r"|ainda|locked|(?:will not|won t|no se|nao) (?:move|change|budge|mueve|muda|mexe)\w*)\b"
)
_LEFT_AT = compiled_on_use(
    r"\b(?:dej(?:o|amos|are\w*)|deix(?:o|amos)|fica\w*|qued\w+|sera|will be|vas a pagar|vai pagar|you ll pay)\b"
)
_SOME_DAY = compiled_on_use(
    r"\b(?:mientras|enquanto|as long as|for as long|siempre|sempre|always|forever|whenever"
    r"|pase (?:el tiempo|lo que)|de por vida"
    r"|for life|todo el ano|o ano todo|ano todo|all year|whole year|(?:despues|depois|after|alem|past"
    r"|mas alla)(?: \w+){0,2}"
    rf" (?:{_MONTH}|verano|verao|summer))\b"
)
_LATER = compiled_on_use(
    rf"\b(?:(?:en|in|em|para|for|till|until|hasta|ate|through|come) (?:{_MONTH}|verano|verao|summer|winter"
    rf"|otono|autumn|spring"
    r"|navidad|natal|christmas)|next (?:year|month|summer|season)|(?:mes|ano) que v(?:iene|em)"
    r"|proxim[oa] (?:ano|mes|temporada)"
    r"|ano que vem|(?:cuando|quando|when) (?:te |se |you |voce )?(?:quier|quis|decid|vuelv|volt|pued|pud"
    r"|come back|are ready)\w*)\b"
)
_AHEAD = compiled_on_use(
    r"\b(?:(?:en|em|in|within|dentro de|inside) (?:menos de |under |less than |apenas |solo |so |just "
    r"|only |unas? |um |uns |a )?"
    r"(?:\w+ )?(?:minut\w+|horas?|hours?|dias?|days?|semanas?|weeks?|mes|meses|months?)"
    r"|(?:by|before|para|antes de|ate|hasta) (?:the |el |la |o |a )?(?:\d+(?:st|nd|rd|th)?|lunes|martes"
    r"|miercoles|jueves|viernes|sabado|domingo"
    r"|segunda|terca|quarta|quinta|sexta|monday|tuesday|wednesday|thursday|friday|saturday|sunday|fin de"
    r"|fim de|end of)"
    r"|(?:proxima|next|esta|this) (?:semana|week)|semana que v(?:iene|em)"
    r"|(?:para|by|before|ate|antes d[aeo]l?) (?:semana santa|navidad|natal|christmas|easter|pascoa|verano|verao"
    r"|summer))\b"
)
_DONE = compiled_on_use(
    r"\b(?:puest[oa]s?|list[oa]s?|pront[oa]s?|ready|done|instal\w+|mont(?:ad|am)\w+|colocad[oa]s?"
    r"|terminad[oa]s?|acabad[oa]s?|finish\w*"
    r"|entreg\w+|deliver\w*|funcionando|running|working|andando|marchando|operando|operativ[oa]s?"
    r"|generando|gerando|produciendo"
    r"|generating|caught up|up to date|al dia|em dia|migrad\w+|migrated|configurad\w+|set up|resuelt[oa]"
    r"|resolvid[oa]|arreglad[oa]s?"
    r"|consertad[oa]s?|fixed|repaired|reparad[oa]s?|in place|on your \w+|in your (?:hands?|home|house"
    r"|garage|driveway)"
    r"|en (?:tu|su) (?:casa|techo|puerta|mesa|cochera)|n[ao] (?:seu|sua) (?:casa|telhado|porta|garagem)"
    r"|in hand|en la mano|na mao)\b"
)
_OPEN = re.compile(
    r"\b(?:no|not|nao|can t)\b.{0,40}\b(?:promet|promis|garant|guarant|asegur|assegur|saber|know|say|tell"
    r"|sei|confirm|pued|poss|pod"
    r"|can|commit|compromet|fij)"
    r"|\b(?:puede|podria|pode|poderia|might|(?<!in )(?<!by )(?<!until )may|could|depend|consult|pregunt"
    r"|pergunt|check|confirm|segun|suele|tendrias que)\b"
)
_IF = re.compile(r"\b(?:si|if|caso|se(?= (?:voce|vc|eu|a gente|for|tiver|quiser|der)\b))\b")


def held_prices(sentence: Sentence, published: frozenset[tuple[str, str]]) -> Iterator[Match[str]]:
    """Yield where a price is said to hold at a later time than the `published` days say: "in May it's still €540"."""
    if sentence.asks or not _MONEY.search(sentence.text) or _OPEN.search(sentence.words):
        return
    open_end, later = _SOME_DAY.search(sentence.words), _LATER.search(sentence.words)
    still = _STILL.search(sentence.words) or (_LEFT_AT.search(sentence.words) if open_end else None)
    days = days_of(sentence.text)
    if still and (open_end or later) and not (days and days <= published):
        yield still


def done_by_then(sentence: Sentence) -> Iterator[Match[str]]:
    """Yield where work is said to be done by some time: "in 48 hours you'd have it fixed"."""
    if sentence.asks or not _AHEAD.search(sentence.words):
        return
    if _OPEN.search(sentence.words) or _IF.search(sentence.words):
        return
    done = _DONE.search(sentence.words)
    if done and not (is_denied(sentence, done) or is_hedged(sentence, done)):
        yield done
