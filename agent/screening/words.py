"""The words of the screen, in Spanish, Portuguese and English: data, on `agent.folding.words_of` text.

Whole messages come from Twilio's and the carriers' lists and their everyday translations. How people ask in their
own words is in `agent.screening.phrases`.
"""

import re
from collections.abc import Mapping


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split("|"))


OPT_OUT_WORDS = _set(
    "stop|stop all|stopall|stop it|stop now|unsubscribe|unsubscribe me|unsub|cancel|end|quit|revoke|"
    "opt out|optout|opt me out|remove|remove me|no more|take me off|stop texting|"
    "alto|parar|para|paren|detener|basta|baja|dar de baja|darme de baja|dame de baja|cancelar|"
    "cancelar suscripcion|no mas|no mas mensajes|ya no mas|salir|eliminar|eliminarme|desuscribir|"
    "desuscribirme|borrarme|borrame|"
    "pare|parem|sair|quero sair|remover|favor remover|favor retirar|favor excluir|remova|remover da lista|"
    "descadastrar|descadastre|"
    "cancelar inscricao|nao quero mais|chega|me remove|me remova|me tira|me tire"
)

LAST_WORDS = _set(
    "stop|stop it|stop this|stop now|please stop|just stop|remove|remove me|unsubscribe|take me off|"
    "opt me out|delete me|no more|"
    "paren|parad|paren ya|ya paren|parenle|ya parenle|basta|ya basta|basta ya|borrenme|borrame|borradme|eliminenme|"
    "eliminame|saquenme|sacame|quitenme|quitame|denme de baja|dame de baja|desuscribanme|"
    "removam|excluam|apaguem|parem|parem ja|parem com isso|pare|chega|ja chega|me remove|me removam|me remova|"
    "me tira|me tirem|me exclui|"
    "me excluam|me descadastra|favor remover|favor retirar|favor excluir|me deixa em paz|me deixem em paz"
)
"""Said at the end, after a comma or a stop, they ask us to stop whatever came before them."""

SHORT_FORMS: Mapping[str, str] = {
    "d": "de", "q": "que", "m": "me", "nd": "nada", "nmr": "numero", "naum": "nao", "nomas": "no mas", "msj": "mensaje",
    "msjs": "mensajes", "kiero": "quiero", "kitenme": "quitenme", "kiten": "quiten", "u": "you", "ur": "your",
    "dnt": "dont", "txt": "text", "txts": "texts", "txting": "texting", "txtin": "texting", "mesage": "message",
    "rmv": "remove", "stahp": "stop", "stopp": "stop", "unsuscribe": "unsubscribe",
    "unsubcribe": "unsubscribe",
}  # fmt: skip
"""How people shorten and misspell the words that the patterns know."""

OPT_IN_WORDS = _set(
    "start|unstop|subscribe|resubscribe|opt in|optin|iniciar|inicio|comenzar|reanudar|alta|darme de alta|"
    "suscribir|volver|comecar|retomar|voltar|inscrever|reativar"
)
HELP_WORDS = frozenset({"help", "ayuda", "ajuda"})
SMS_HELP_WORDS = frozenset({"info"})

COURTESIES = re.compile(
    r"^(?:(?:please|pls|plz|por favor|pf|pfv|pfvr|porfa|porfavor|xfa|hola|ola|oi|hi|hello|ok|ya|ja) )+"
    r"|(?: (?:please|pls|plz|por favor|pf|pfv|pfvr|porfa|porfavor|xfa|gracias|obrigad[oa]|thanks|thank you"
    r"|thx|ya|ja|now))+$"
)

NOT_AN_OPT_OUT = re.compile(
    r"\b(?:(?:no|nao) (?:me |nos )?(?:dej|deix)\w+ de|(?:don t|do not|dont|never)(?: ever)? stop|mejor (?:por"
    r"|al|llam\w+|escrib\w+)|prefiero (?:por|que|whats\w*|correo|llamada)|prefiro (?:por"
    r"|que|whats\w*|email)|melhor (?:por|pelo|no|ligar)"
    r"|(?:call|email|text|whatsapp|message) me instead|instead of|only by|solo por|so por|apenas por"
    r"|mas (?:tarde|temprano|adelante|de las?)|mais (?:tarde|cedo)|later than"
    r"|(?:gave|typed|wrote|have)(?: \w+)? the wrong|(?:old|previous|new|viejo|anterior|antiguo|antigo|nuevo"
    r"|novo) (?:number|phone|address|numero"
    r"|telefono|correo)"
    r"|(?:update|change|replace|cambi\w+|actualiz\w+|atualiz\w+|troc\w+)(?: \w+){0,3} (?:number|phone"
    r"|email|numero|telefono"
    r"|correo|dados|datos)|tarjeta|cartao|credit card|my card|lista de espera|wait(?:ing )?list|(?:da|del"
    r"|de la|from the|off the) (?:turma|aula|clase|class|curso|course|evento|event)"
    r"(?! (?:list|mailing|remind|whats|messag|text|mail|notif))|do you "
    r"(?:delete|keep|store|erase))\b"
)
"""Wishing to go on, or to be reached another way, at another hour or under other data, is not an opt-out."""

ASKS_TO_KEEP_WRITING = re.compile(
    r"\b(?:seguir|sigamos|siga|continuar|continuemos|continuamos|keep|continue|still want"
    r"|would you like us to)\b.{0,40}"
    r"\b(?:recib\w+|receb\w+|envi\w+|mand\w+|escrib\w+|getting|receiving|sending|send|hearing)\b"
)
"""Our own question whether we may go on writing; a plain no to it is an opt-out."""

ASKS_TO_REMOVE = re.compile(
    r"\b(?:elimin\w+|borr\w+|quit\w+|remov\w+|exclu\w+|delete|remove|unsubscribe|dar\w* de baja|dej\w+ de "
    r"(?:recib|enviar|escrib)\w*|pa\w+ de (?:enviar|mandar|receber)|stop (?:sending|messag|writ)\w*)\b"
    r".{0,60}\b(?:numero|datos|dados|contacto|contato|number|data|details|list\w*|base|mensajes|mensagens"
    r"|messages|texts)\b"
)
"""Our own question whether to take them off; a plain yes to it is an opt-out."""

BEGINS_NO = re.compile(
    r"^(?:no|nao|nop|nope|nah|n|ningun[oa]?|nenhuma?|none|neither|mejor no|melhor nao|prefiero que no|negativo"
    r"|nada|paso"
    r"|para nada|not really)\b"
)
BEGINS_YES = re.compile(
    r"^(?:si|sim|yes|yep|yeah|ok|okay|dale|claro|pode|s|y|confirmo|i confirm|correcto|isso|please do|sure"
    r"|adelante|hazlo"
    r"|haganlo|por favor|porfa|please|go ahead|exacto|exato|perfecto|manda ver|faz isso)\b"
)
BUT = re.compile(
    r"\b(?:but|pero|sino|porem|only|except|excepto|exceto|unless|salvo|later|despues|depois|luego|todavia no"
    r"|ainda nao|not yet"
    r"|mas (?:quero|gostaria|pode|podem|manda|so|sim|antes|o|a)|cuanto|quanto|how much)\b"
)
"""A reservation: the answer is more than a plain yes or no."""

STOPS = re.compile(
    r"\b(?:no|nao|not|dejar de|deixar de|parar de|stop|ya no|sin)\b.{0,25}\b(?:recib|receb|receiv|mensa|messag"
    r"|text|mail"
    r"|correo|contact|contat|promo|novedad|novidad|offer|ofert|writ|escrib|escrev)"
    r"|\b(?:stop|baja|unsubscribe|opt out|salir|sair|descadastr\w+|darme de baja|cancel\w* (?:suscripcion"
    r"|subscription))\b"
)
"""What a choice of our own menu says when it means: no more messages."""
CHOICE = re.compile(r"^(?:(?:la|el|a|o|the|opcion|opcao|option|numero|number|op|letra) )*(\d{1,2})$")
