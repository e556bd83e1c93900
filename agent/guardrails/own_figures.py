"""Whether a reply repeats the prospect's own figure to decline or acknowledge it, or agrees to it (P5).

Works on folded sentences in Spanish, Portuguese and English.
"""

import re

_DECLINES = re.compile(
    r"\b(?:no|nao|not|never|nunca|jamas|ni|nem|tampoco|cannot|can't|cant|don't|doesn't|isn't|won't|couldn't|wouldn't"
    r"|unable"
    r"|infelizmente|lamento|lamentablemente|sorry|afraid|unfortunately|desculpe|sentimos|siento|tentador|tempting"
    r"|lejos|longe|instead"
    r"|below|less than|under|por debajo|debajo|abaixo|fuera de|out of reach|imposible|impossivel|impossible)\b"
)
_REFUSES = re.compile(
    r"\b(?:no|nao) (?:l[oa] |te |le |se |nos )?(?:podemos|puedo|puede|podria[a-z]*|conseguimos|consigo|posso|da\b"
    r"|es posible"
    r"|e possivel|llegamos|alcanza|chegamos|igualamos|cubrimos|hacemos|tenemos|temos|fazemos|ofrecemos|oferecemos)"
    r"|\b(?:ojala|tomara|quem dera|i wish|wish (?:i|we)|if only)\b|\b(?:quisiera|me encantaria|me gustaria|gostaria"
    r"|adoraria|queria|(?:would|'d) (?:love|like) to)\b[^.!?]{0,60}\b(?:pero|but|mas|porem)\b"
    r"|\b(?:can't|cannot|can not|unable|not able|couldn't|isn't something|is not something|won't be able)\b"
)
_ACKNOWLEDGES = re.compile(
    r"\b(?:presupuesto|budget|orcamento|recibo|bill|conta de luz|factura|fatura|dices|dijiste|mencion\w*|comentas"
    r"|cuentas"
    r"|you (?:said|mention\w*|told|have|quoted|pay)|voce (?:disse|falou|mencionou|tem|paga)|otr[oa]s?|outr[oa]s?"
    r"|elsewhere|competidor|concorrente"
    r"|competitor|te (?:cobran|ofrecen|dieron|dan|piden)|they (?:charge|offer|quote\w*)|ofrecieron|su precio|entiendo"
    r"|comprendo|entendo|understand"
    r"|hear you|i see|buen precio|bom preco|good price|great price|tu oferta|your offer|sua oferta|propuesta|proposta"
    r"|gracias por"
    r"|cabe|entra|dentro|within|alcanza|thanks for|obrigad[oa] por|pagas|pagabas)\b|^\W*(?:y |e |and )?(?:con|com"
    r"|with|for|on) (?:un |a |an |r?\$ ?|us\$ ?|your |tu |tus |os )?(?:\w+ de )?$"
)
_SOOTHES = re.compile(
    r"\b(?:(?:no|nao) (?:llegan?|chegam?|pasan?|passam?|superan?|excede[nm]?)(?: (?:a|de|los|os|dos))?|(?:no|nao) (?:es"
    r"|son|e|sao|cuesta|custa|vale) (?:mas|mais|nada mas) que|(?:no|not) (?:more|less) than|not even|does not reach|no te preocupes|no se preocupe|nao se preocupe|no hay problema|no problem|no worries|sem problema|not only"
    r"|no pasa nada|por que no|por que nao|why not|no solo|nao so|no doubt|sin duda|no te lo pierdas|nao perca"
    r"|don't miss|don't worry"
    r"|no lo pienses|no lo dudes)\b"
)
_AGREES = re.compile(
    r"\b(?:te l[oa]s? (?:dejo|puedo dejar|dejamos|llevas|igualo|igualamos|cierro)|l[oa] dejamos en|trato hecho"
    r"|cerramos|aceptamos|acepto"
    r"|fechamos|fechado|fa[cz](?:o|emos)\b[^.!?]{0,30}\bpor|(?:i|we) (?:can|could|will) (?:do|accept|take)"
    r"|works for (?:us|me)|you have a deal"
    r"|it's yours|tuyo por|seu por|te igual(?:o|amos)|igual(?:o|amos|aremos) (?:los|ese|esos|el)|we(?:'ll"
    r"| will) match|it's a deal)\b"
)
_OFFERS = re.compile(
    r"\b(?:cuesta[n]?|custa[m]?|costs?|vale[n]?|precio|price|preco|sale[n]?|sai|fica|queda[n]?|quedaria|son|sao"
    r"|seria[n]?|it's|es|e|that's|dej\w+|deix\w+"
    r"|fac[ao]\w*|fazemos|do it|can do|could do|take|acept\w*|accept\w*|igual\w*|match\w*|cobr\w*"
    r"|charge)\b[^.;,:!?]{0,25}$"
    r"|\b(?:por|for|en|at|em)(?: solo| so| just| only| apenas)? ?(?:r?\$|us\$|€)? ?$"
)
_GIVES = re.compile(
    r"\b(?:get you in|i'll give|we'll give|te doy|te damos|te dou|just for you|solo para ti|so pra voce|y listo"
    r"|y dentro|it is[.! ]*$|pay the rest)\b"
)
_AGREES_FIRST = re.compile(
    r"^\W*(?:si|sim|yes|ok|okay|sure|deal|dale|listo|vale|claro|perfecto|perfeito|hecho|fechado|done|great|genial"
    r"|da sim|por supuesto"
    r"|of course|com certeza|absolutely|trato hecho|combinado|correcto|exacto|exactly|that's right|isso|asi es"
    r"|e verdade|es verdad|right)\b"
)
_TURNS = re.compile(
    r"\b(?:pero|but|mas|porem|however|aunque|though|lamentablemente|infelizmente|unfortunately|sin embargo)\b"
)
_DENIAL = re.compile(
    r"\b(?:no|nao|not|isn't|aren't|don't|doesn't|ningun|ninguna|nenhum|nenhuma|never|nunca|tampoco|nem|ni|without"
    r"|cannot|can't|can not)"
    r"(?! mas\b| mais\b| more\b)(?: [\w']+){0,5} ?$"
)
_DENIED_BEHIND = re.compile(
    r"^,? ?(?:no|nao) (?:es|son|e|sao|esta|sale|sai|seria|hay|tenemos|podemos|puedo|da|temos|podemos|posso|ha|existe)\b"
    r"|^,? (?:it|that|they|this) (?:isn't|is not|aren't|are not|can't|cannot|won't)\b"
)
NO_LONGER = re.compile(
    r"\b(?:ended|ends?|expired?|expir\w+|r[au]n out|lapsed?|venci\w*|caduc\w*|termin\w*|acab\w*|encerr\w*|finaliz\w*"
    r"|ya no|ya paso|ja nao|ja era|ja passou|no longer|no more|nao vale|not valid|invalid\w*"
    r"|no (?:es|esta|e|vale|funciona|aplica|sirve)|nao (?:e|esta|funciona|serve|aplica|entra\w*)|isn't|is not|doesn't"
    r"|does not|can't|cannot|finished|over|was (?:for|only)|era (?:de|para|so|solo)"
    r"|(?:hasta|ate|until) \w+)\b"
)
"""How a reply says that a code or an offer is over."""
AGREEMENT = re.compile(
    r"^\W*(?:deal|trato hecho|hecho|fechado|combinado|done|it's a deal|sold|vendido|agreed|acordado"
    r"|you got it)\b(?! (?:un|el|a|the))"
    r"|\b(?:trato hecho|(?:we|i) can do (?:that|it)|works for (?:us|me)|(?:por|a|en|at|for) (?:ese|esse|that"
    r"|este) (?:precio|preco|valor|price|amount|monto)"
    r"|te l[oa] dejamos asi|te l[oa] dejo asi|l[oa] hacemos por eso|a gente fecha|aceptamos tu|acepto tu|we accept"
    r"|you have a deal)\b"
)
"""Agreement that need not repeat the figure."""
BARGAINS = re.compile(
    r"\b(?:dej\w+|igual\w+|match\w*|take|do it|could you|can you do|accept\w*|acept\w*|faz\w*|fac\w*|fech\w*|ofrezco"
    r"|ofreco|ofereco|te doy|dou|give you"
    r"|cerr\w*|cierr\w*|clos\w*|trato|deal|hecho|acuerdo|combin\w*|shake|take it|me quedo|fico com"
    r"|(?:por|en|for|em|at) (?:r?\$|us\$|€|£)? ?\d"
    r"|discount|descuento|desconto|rebaj\w+|baj\w+|lower|cash|consegue\w*|beat|orcamento|presupuesto|budget)\b|% ?off"
    r"|\d ?%"
)
"""How a prospect asks for another price."""


def is_denied(before: str, after: str = "") -> bool:
    """Say whether the words right before or behind an expression deny it: "no es gratis", "gratis no es"."""
    return bool(_DENIAL.search(_SOOTHES.sub("", before)) or _DENIED_BEHIND.match(after))


def is_declined(sentence: str) -> bool:
    """Say whether a sentence declines something, and does not agree to it after all."""
    soothed = _SOOTHES.sub("", sentence)
    if _REFUSES.search(soothed):
        return True
    if not _DECLINES.search(soothed) or _AGREES.search(soothed):
        return False
    return not _AGREES_FIRST.search(soothed) or bool(_TURNS.search(soothed))


def is_acknowledged(sentence: str, before: str) -> bool:
    """Say whether a sentence repeats a figure as the prospect's: "con 300 de presupuesto"; `before` leads up to it."""
    if _agrees(sentence):
        return False
    return bool(_ACKNOWLEDGES.search(before[-60:]) or _ACKNOWLEDGES.search(sentence))


def is_offered(sentence: str, before: str) -> bool:
    """Say whether a sentence makes the prospect's figure our price; `before` leads up to it."""
    return _agrees(sentence) or bool(_OFFERS.search(before[-60:]))


def _agrees(sentence: str) -> bool:
    if _AGREES.search(sentence) or _GIVES.search(sentence):
        return True
    return bool(_AGREES_FIRST.search(sentence)) and not _TURNS.search(sentence)
