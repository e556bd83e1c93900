"""How mail clients announce quoted history, in es, pt and en first: the words, as patterns (data, no decisions).

Three ways: a sentence ("El …, Ana <a@b> escribió:"), a separator ("-----Mensaje original-----"), or a copy of the
headers ("De: … Enviado el: … Para: …"). Patterns are matched against one line, or a few joined by blanks, without
quotation marks and with all dashes as hyphens. None may take more than linear time: a line is the sender's.
"""

import re

_WROTE = (
    r"(?:wrote|writes|said|escribi[óo]|escribe|ha escrito|dijo|escreveu|escreve|schrieb|a écrit|ha scritto"
    r"|va escriure|skrev|schreef|написал(?:\(а\))?)"
)
_NOT_TO_ME = r"(?<!\bme )(?<!\bnos )(?<!\ble )(?<!\bte )"
_WRITER = r"[^<>]{0,80}<[^<>\s]+@[^<>\s]+>"
_DAY = (
    r"(?:lun|mar|mi[eé]|jue|vie|s[áa]b|dom|seg|ter|qua|qui|sex|mon|tue|wed|thu|fri|sat|sun)[a-záéíóúç]{0,10}"
    r"(?:-feira)?"
)
_OPENING = rf"(?:on|el|em|en|no dia|ao|à|às|as|a las|na|no|a|o|le|am|il|op|den|{_DAY}[.,]?)"

ATTRIBUTIONS = (
    # The sentence opens with a date, as in: El jue, 12 nov 2026 a las 10:15, Ana (…) escribió
    re.compile(rf"^{_OPENING}(?!\w).{{0,40}}?\d.{{0,300}}?\b{_NOT_TO_ME}{_WROTE}\s?:(?:$|\s{{2,}})", re.IGNORECASE),
    # … or with a bare date: 12 de nov. de 2026 10:15, Ana <…> escreveu
    re.compile(rf"^\d{{1,4}}[-/. ].{{0,200}}?\b{_NOT_TO_ME}{_WROTE}\s?:(?:$|\s{{2,}})", re.IGNORECASE),
    # … or with the writer, as in older Portuguese Gmail: Ana (…) escreveu no dia quinta, 12/11/2026 à(s) 10:15
    re.compile(rf"^{_WRITER}.{{0,20}}\b{_WROTE}\b.{{0,80}}:$", re.IGNORECASE),
    # … or with the writer's bare name (Thunderbird, when set so)
    re.compile(
        rf"^.{{1,60}}?\b{_WROTE},? (?:on|at|el|em|no dia|na|às|a las|\()\s?.{{0,20}}?\d.{{0,80}}?:$", re.IGNORECASE
    ),
    # … or only names the writer (webmails)
    re.compile(r"^(?:quoting|citando(?: a)?|cita de|citação de)\b.{1,80}@.{1,80}?:$", re.IGNORECASE),
    # … or is only a date and the writer
    re.compile(rf"^\d{{4}}[-/.]\d\d?[-/.]\d\d?\b{_WRITER}\s?:?$"),
    re.compile(r"^(?=.{0,20}\d).{5,60}?\b(?:by|por|von|par|da|de)\s<?\S{1,64}@\S{1,200}>?\s?:$", re.IGNORECASE),
    # … or stands between dashes (Zoho, Notes)
    re.compile(rf"^-{{2,}}+.{{0,300}}?\b{_WROTE}\b.{{0,20}}-{{2,}}$", re.IGNORECASE),
)
BARE_ATTRIBUTION = re.compile(
    rf"^(?:[^.!?:]{{1,60}}\b{_NOT_TO_ME}{_WROTE}\s?:"
    rf"|{_OPENING}(?!\w).{{0,40}}?\d.{{0,300}}?\b{_NOT_TO_ME}{_WROTE})$",
    re.IGNORECASE,
)
"""Only the writer's name, or a date and no colon: counts where quoted lines follow."""
DATED = re.compile(r"@|\b\d{1,2}\s?[:.h]\s?\d{2}\b")
"""Evidence that such a sentence is a client's: an address or a time of day."""

_ORIGINAL = (
    r"original (?:message|appointment|e-?mail)|(?:mensaje|mensagem|correo|e-?mail) original|reply message"
    r"|(?:replied|previous|quoted) message|(?:mensaje|mensagem) (?:anterior|citad[oa])|mensaje de respuesta"
    r"|message d.origine|message original|urspr[üu]ngliche nachricht|messaggio originale|oorspronkelijk bericht"
    r"|cita original|texto citado"
)
SEPARATOR = re.compile(
    rf"^(?:-{{2,}}+|[_=*~]{{2,}}+)\s*(?:{_ORIGINAL})\s*:?\s*(?:-{{2,}}|[_=*~]{{2,}})$", re.IGNORECASE
)
REPLY_ABOVE = re.compile(
    r"^[#\-_=* ]*(?:(?:please )?(?:type|write|enter)? ?(?:your )?reply above this line"
    r"|(?:please )?(?:reply|respond|type|write).{0,30}\babove th(?:is|e) line"
    r"|(?:por favor,? )?(?:responda|responde|escriba|escribe|escreva|conteste).{0,40}"
    r"\b(?:encima|arriba|acima)\b.{0,10}\best[ae] (?:l[ií]nea|linha))\b.{0,40}$",
    re.IGNORECASE,
)
FORWARD = re.compile(
    r"^(?:-{2,}+\s*)?(?:forwarded (?:message|by .{1,80})|begin forwarded message|(?:mensaje|correo) reenviado"
    r"|inicio del mensaje reenviado|mensagem (?:re)?e?n?(?:encaminhada|enviada)|mensagem encaminhada"
    r"|in[ií]cio da mensagem (?:(?:re)?encaminhada|reenviada)|message transf[ée]r[ée]|weitergeleitete nachricht"
    r"|messaggio inoltrato)\s?:?(?:\s*-{2,})?$",
    re.IGNORECASE,
)
RULE = re.compile(r"^[_\-=*]{5,}$")

_LABELS = {
    "from": r"from|de|von|da|remitente|remetente",
    "sent": r"sent(?: at)?|date|enviad[oa]s?(?: (?:el|em|a|no dia))?|fecha(?: de env[ií]o)?|data(?: de envio)?"
    r"|gesendet|datum|envoyé(?: le)?|inviato",
    "to": r"to|para|an|à|destinatarios?|destinat[áa]rios?",
    "cc": r"cc|c/c|cco|bcc",
    "subject": r"subject|asunto|assunto|betreff|objet|oggetto",
    "other": r"importance|importancia|importância|attachments?|adjuntos?|datos adjuntos|anexos?|reply-to"
    r"|responder a|prioridade?|priority|sensitivity",
}
LABEL = re.compile(
    r"^[*\s]{0,3}(?:"
    + "|".join(rf"(?P<{name}>{words})" for name, words in _LABELS.items())
    + r")\s?\*{0,2}\s?:\*{0,2}(?:\s|$)",
    re.IGNORECASE,
)
LABELS_IN_A_LINE = re.compile(
    r"^\*?(?:from|de)\s?:\*?\s.{1,200}?\b(?:sent|date|enviad[oa](?: el| em)?|fecha|data)\s?:.{1,120}?"
    r"\b(?:to|para)\s?:.{1,400}?\b(?:subject|asunto|assunto)\s?:",
    re.IGNORECASE,
)
ANSWERS_WITHIN = re.compile(
    r"\b(?:below|inline|in line|abajo|abaixo|entre l[ií]neas|nas entrelinhas|en el cuerpo|no corpo)\b.{0,60}?"
    r"\b(?:in|en|em|de) (?:red|blue|green|rojo|azul|verde|vermelho|negrita|bold|may[úu]sculas|color|cor)\b"
    r"|\b(?:answers?|comments?|replies|respuestas?|comentarios?|respostas?|coment[áa]rios?)\b.{0,30}?"
    r"\b(?:in ?line|entre l[ií]neas|nas entrelinhas|en l[ií]nea|in (?:red|blue)|en (?:rojo|azul|verde)"
    r"|em (?:vermelho|azul|verde))\b",
    re.IGNORECASE,
)
"""The author says that they wrote into a history that bears no quotation marks: nobody can tell it apart."""
