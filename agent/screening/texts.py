"""What the screen answers with: confirmations of an opt-out and of a return, and what answers. No marketing.

All of them fit the GSM-7 alphabet apart from the tenant's name, so one SMS part is enough. START is the word to
return with in every language, because a provider that blocks the number itself knows only that one.
"""

from collections.abc import Mapping

from agent.types import Tenant

_OPTED_OUT = {
    "es": "Listo: ya no te enviaremos mensajes. Si quieres volver a recibirlos, responde START. {name}",
    "pt": "Pronto: a partir de agora, sem mensagens nossas. Se quiser voltar a receber, responda START. {name}",
    "en": "Done: you will get no more messages from us. To receive them again, reply START. {name}",
}
_OPTED_IN = {
    "es": "Listo: puedes volver a recibir mensajes de {name}. Para dejar de recibirlos, responde STOP.",
    "pt": "Pronto: as mensagens de {name} voltaram. Para deixar de receber, responda STOP.",
    "en": "Done: you can get messages from {name} again. To stop them, reply STOP.",
}
_BOT = {
    "es": "Te responde un asistente virtual (IA) de {name}. Una persona del equipo puede seguir contigo: solo dilo.",
    "pt": "Quem responde aqui é um assistente virtual (IA) de {name}. Se preferir uma pessoa da equipe, basta pedir.",
    "en": "You are talking to an automated assistant (AI) of {name}. A person on the team can take over: just say so.",
}
_FALLBACK = "en"


def opt_out_text(tenant: Tenant, language: str) -> str:
    """Return the one confirmation that we stop, with how to return."""
    return _text(_OPTED_OUT, tenant, language)


def opt_in_text(tenant: Tenant, language: str) -> str:
    """Return the confirmation that the contact hears from us again, with how to stop."""
    return _text(_OPTED_IN, tenant, language)


def help_text(tenant: Tenant, language: str) -> str:
    """Return the tenant's answer to HELP in `language`, else in its default language."""
    return tenant.help_text.get(language) or tenant.help_text[tenant.default_language]


def bot_text(tenant: Tenant, language: str) -> str:
    """Return the answer to "are you a bot?" and "are you a person?": what is writing, and the way to a person.

    True whichever way it was asked. In a language that we have no words in, the tenant's own say the same.
    """
    if language not in _BOT and language in tenant.disclosure and language in tenant.help_text:
        return f"{tenant.disclosure[language]} {tenant.help_text[language]}"
    return _text(_BOT, tenant, language)


def text_language(tenant: Tenant, language: str) -> str:
    """Return the language in which the confirmations answer somebody who writes `language`."""
    return next((each for each in (language, tenant.default_language) if each in _OPTED_OUT), _FALLBACK)


def _text(texts: Mapping[str, str], tenant: Tenant, language: str) -> str:
    return texts[text_language(tenant, language)].format(name=tenant.name)
