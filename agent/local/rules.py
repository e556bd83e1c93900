"""What must be understood without doubt, in three languages: no more messages, a person, a legal matter.

Rules come before the learned model and name only what they are sure of: a pattern asks for a whole request, not
for a word. Texts are matched folded: lower case, no accents. (Bare keywords such as STOP belong to the screen.)
"""

import re

from agent.folding import fold
from agent.types import Intent

_NEAR = r"[^.!?\n]{0,15}?"
_FAR = r"[^.!?\n]{0,40}?"
_SEND = (  # imperatives and subjunctives only: "no me mandan nada" is a complaint, "no me manden nada" is not
    r"(?:mand(?:e[mns]?|a)|envi(?:e[mns]?|a)|contac?t(?:e[mns]?|ar\w*)|llame[ns]?|molest(?:e[mns]?|a)"
    r"|escriba(?:[ins]|is)?|escrev(?:am?|er)|ligu?(?:em?|a)|incomodem?|avise[ns]?|insista[ns]?)"
)
_THINGS = r"(?:mensaj\w+|mensage\w+|sms|correos?|e-?mails?|publicidad\w*|propaganda\w*|promo\w*|ofertas?|boletin\w*)"
_MINE = r"(?:(?:mi|meu|my|este|esse|this|nuestro|nosso|our) (?:numero|number|contac?to?|telefono|telefone|phone|e-?mail"
_MINE += r"|correo|celular|cadastro|ficha|details)|mis datos|meus dados|my (?:personal )?data)"
_NOT_OLD = r"(?! (?:old|viejo|anterior|antig\w+|y pon|e p[oõ]e|and add))"
_NOT_A_BOOKING = (
    r"(?!.{0,25}\b(?:class|group|course|lesson|booking|session|waitlist|clase|grupo de las|curso|reserva|cita|turma"
    r"|aula|espera|consulta|sesion|sessao))"
)

_OPT_OUT = (
    rf"\b(?:no|nao) (?:me |nos |le |lhe )?{_SEND}\b{_FAR}\b(?:mas|mais|nunca|nada|otra vez|de novo|nov\w+|nuev\w+)\b",
    rf"\b(?:ya no|ja nao) (?:me|nos|le) {_SEND}\b",
    r"\b(?:no|nao) (?:me |nos )?(?:vuelv|volv|volt)\w+ a (?:\w+ )?(?:escrib|escrev|mand|envi|cont|llam|ligar|molest)",
    (
        r"\b(?:no|nao) (?:quiero|quero|deseo|desejo|pretendo)(?: ya)? "
        rf"(?:mas|mais|recib\w+|receb\w+|seguir|nada de|ningun\w*|nenhum\w*) ?{_NEAR}\b{_THINGS}"
    ),
    r"\b(?:no|nao) (?:quiero|quero|deseo|desejo) (?:mais )?(?:recibir|receber|ser (?:\w+ad[oa]))",
    (
        r"\b(?:(?:dejar?|deje[ns]?|dejad|paren?|para|parem?|parar|deixem?) de|(?:basta|chega|para) (?:ya )?"
        rf"(?:de|com|con l[oa]s)) {_NEAR}"
        rf"(?:escrib|escrev|mand|envi|contac|llam|ligar|molest|recib|receb|encher|spam|{_THINGS})"
    ),
    (
        r"\b(?:quit|borr|elimin|sac|saqu|baj|retir|exclu|remov|apag|tir|delet)\w{0,5} (?:ya |ai )?(?:el |o )?"
        rf"{_MINE}\b{_NOT_OLD}"
    ),
    (
        r"\b(?:(?:quit|borr|elimin|saqu|sac|baj|retir)(?:a|e|en|an|ad)(?:me|nos)|me (?:tir|remov|exclu|descadastr)\w*)"
        rf" (?:de|d[ae]s[st][ae]|da|do|dai|ai)\b{_NOT_A_BOOKING}"
    ),
    r"\b(?:dame|denme|deme|dadme) de baja\b|\bdesuscri\w+|\bdescadastr\w+|\bunsub\w*",
    r"\bme bloque(?:ia|ie|a|ai|en|em)\b(?! (?:l?[ao]|el|en|mi)\b)",
    r"\b(?:stop|quit) (?:\w+ ){0,2}(?:text|messag|msg|email|contact|call|send|bother|spam)(?:s|ing|in)?\b",
    (
        r"\b(?:do not|don'?t|dont|never) (?:ever )?(?:text|message|msg|email|contact|call|write)\b"
        rf"{_FAR}\b(?:again|any ?more|number)\b"
    ),
    rf"\b(?:(?:take|get) (?:me|us|this number) off|remove (?:me|us))\b{_NOT_A_BOOKING}",
    r"\bopt(?:ing)? (?:me )?out\b|\blose my number\b",
    rf"\b(?:remove|delete|erase|block|wipe) (?:all )?(?:the )?{_MINE}\b{_NOT_OLD}",
    r"\bno (?:more|further) (?:texts?|messages?|emails?|calls|promos?|contact)\b|\bcease (?:all |any )?contact",
    r"\b(?:supresion|eliminacion|exclusao|apagamento|erasure|deletion) (?:\w+ ){1,5}(?:datos|dados|data)\b",
)
_COMPLAINT = (
    r"\b(?:los|las|les|te|lo) (?:voy|vamos) a (?:demandar|denunciar)\b|\bvou processar\b",
    (
        r"\b(?:profeco|indecopi|sernac|procon|reclame aqui|livro de reclamacoes|hoja de reclamaciones|consumer court"
        r"|trading standards|small claims|chargeback)\b"
    ),
    r"\b(?:devuelvan\w*|devuelva\w*|quiero|exijo) (?:ya )?(?:mi|el|ese|la) (?:dinero|plata)\b",
    r"\b(?:quero|exijo) (?:o )?(?:meu dinheiro|reembolso|estorno)\b",
    r"\bmy money back\b|\b(?:i want|demand) a refund\b|\brefund me\b",
    r"\bcobraron (?:de mas|dos veces|doble)|\bcobraram (?:a mais|duas vezes|em dobro)|\b(?:double|over)[- ]?charged\b",
    r"\b(?:esto es una estafa|isso e golpe|isso e um golpe|this is a (?:scam|fraud))\b",
    r"\bi(?:'?m| am|'?ll| will)(?: going to)? sue\b|\bmy (?:lawyer|solicitor|attorney) will\b",
)
_SOMEBODY = (
    r"(?:(?:un|una|um|uma|an?|the|el|la|o|al|ao|algun|alguna|algum|alguma|your|otra|outra) )?(?:real |actual |human )?"
    r"(?:persona|pessoa|humano|human|person|alguien|alguem|someone|somebody|asesora?|atendente|consultora?|agente"
    r"|agent|advis[oe]r|representante|representative|vendedora?|gerente|manager|supervisora?|encargad[oa]"
    r"|responsable|responsavel|dueno|dono|owner|gente)\b"
)
_HUMAN_REQUEST = (
    (
        rf"\b(?:hablar|falar|conversar|talk|speak|hable|comuniqu\w+|comunic\w+|pase\w*|passa|transfer\w*|connect) "
        rf"(?:me )?(?:con|com|to|with|a|pra|para) {_SOMEBODY}"
    ),
    r"\b(?:can|could|would) (?:someone|somebody|anyone|you|one of)[^.!?\n]{0,30}\b(?:call|ring|phone) me\b",
    r"\b(?:alguem|alguien) (?:\w+ ){0,3}me (?:ligar?|llam\w+|telefonar|chamar)\b|\bme (?:puede )?llam\w+ alguien\b",
    r"\b(?:real|actual|live) (?:person|human|agent)\b|\b(?:atendimento|agente|atencion) human[oa]\b",
    (
        r"\b(?:no quiero|nao quero|don'?t want to|not) (?:hablar|falar|talk|talking|speak) (?:con|com|to|with) "
        r"(?:\w+ )?(?:bot|robo|robot|maquina|machine)\b"
    ),
    (
        r"\b(?:eres|es|esto es|voce e|vc e|isso e|are you|is this|talking to) (?:un |um |uma |una |a )?"
        r"(?:bot|robo|robot|maquina|chatbot|machine)\b"
    ),
    rf"^\W*{_SOMEBODY}(?: por favor| please| pls| pfv| porfa)?\W*$",
)
_RULES: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    ("opt_out", re.compile("|".join(_OPT_OUT))),
    ("complaint", re.compile("|".join(_COMPLAINT))),
    ("human_request", re.compile("|".join(_HUMAN_REQUEST))),
)
"""In precedence order: the first that matches names the intent."""

_WRITE = r"(?:envi|mand|recib|receb|get|send|receiv|hear|escrib|escrev)\w*"
_NEWS = r"(?:novedades|novidades|noticias|updates|news|tips|promo\w*|ofert\w*|offers|boletin|newsletter|avisos)"
_MAY_WE_WRITE = re.compile(
    rf"\b(?:segu|sigamos|sigue|continu|keep|still)\w* (?:\w+ ){{0,4}}?{_WRITE}"
    rf"|\b{_WRITE} (?:\w+ ){{0,4}}?{_NEWS}|\b{_NEWS} [^.!?]{{0,30}}?{_WRITE}"
)
_SHALL_WE_REMOVE = re.compile(
    r"\b(?:elimin|borr|quit|remov|tir|exclu|apag|unsubscrib|delet|dejar de|deixar de|stop)\w*[^.!?]{0,40}?"
    r"\b(?:lista?|numero|number|contac?to|dados|datos|data|base|mensaj\w*|mensage\w*|messag\w*|avisos|emails?)\b"
)
_NO = re.compile(r"^\W*(?:no|nao|nope|nah|none|nel|ningun\w*|nenhum\w*|negativo)\b")
_YES = re.compile(r"^\W*(?:si|sim|yes|yep|yeah|claro|pode|ok|dale|correcto|please|isso)\b")
_CHOICE = re.compile(r"^\W*(?:(?:la|el|o|a|the|opcion|opcao|option) )?(\d)\W*$")

_GRAVE = re.compile(
    r"\b(?:abogad|advogad|juridic|lawyer|attorney|solicitor|counsel|sue\b|demandar|denunci|legal|indecopi|procon|profeco"
    r"|sernac|reclamac|chargeback|reembols|devolu|devuelv|reintegr|estorn|ressarc|refund|money back|cobr|charge|billed"
    r"|invoice|dinero|dinheiro|plata\b|estaf|fraud|golpe|scam|sangr|dolor|dor\b|bleed|pain\b|quem|burn|infec|inflam"
    r"|inchad|hinchad|fiebre|febre|hospital|accident|acident|machuc|lesion|agony|humo\b|fumaca|incend|smoke|fire\b"
    r"|spark|chisp|fren|freio|brake|airbag|peligr|perig|danger|matar|matad|hij[oa]|filh[oa]|my (?:son|daughter|kid)"
    r"|bebe|kids|acos|assedi|harass|abus|racis|discrimin|insult|bull(?:y|ied)|gord[oa]\b|filtr|vaz(?:ou|ar)|leak|barrad"
    r"|tirad[oa]s|enganos|misled|guarante)"
)
_OWN_TERMS = re.compile(r"\d|%|\b(?:penali|permanenc|contrat|clausula|break clause|warranty|garantia)")


def certain_intent(text: str, context: str | None) -> Intent | None:
    """Return the intent that a rule proves, or None. `context` is the business's last message."""
    folded = fold(text)
    if context and _refuses_messages(folded, fold(context)):
        return "opt_out"
    return next((intent for intent, pattern in _RULES if pattern.search(folded)), None)


def chosen_option(text: str, context: str | None) -> str | None:
    """Return what stands behind the number a prospect picked from the menu in `context`, if that is what they did.

    "2" after "Reply 1 to stay, 2 to stop receiving messages" is "to stop receiving messages".
    """
    choice = _CHOICE.match(fold(text))
    if not choice or not context:
        return None
    options = re.findall(r"(?<!\d)(\d)[ ).:=\-–]+((?:(?!\b\d\b)[^\n,;])+)", context)
    if len(options) < 2:
        return None
    return next((label.strip() for number, label in options if number == choice[1]), None)


def is_grave(intent: Intent, text: str) -> bool:
    """Whether an automatic answer could do harm: a complaint about more than slowness, terms of their own, a person."""
    folded = fold(text)
    if intent == "complaint":
        return bool(_GRAVE.search(folded))
    if intent == "negotiation":
        return bool(_OWN_TERMS.search(folded))
    return intent == "human_request"


def _refuses_messages(text: str, context: str) -> bool:
    """Whether a short answer refuses what `context` offers to send, or accepts to be removed."""
    if len(text) > 60:
        return False
    asks_to_remove = bool(_SHALL_WE_REMOVE.search(context))
    return bool(
        (asks_to_remove and _YES.match(text) and "?" in context)
        or (not asks_to_remove and _MAY_WE_WRITE.search(context) and _NO.match(text))
    )
