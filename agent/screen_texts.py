"""What the screen answers with: confirmations of an opt-out and of a return. Short, and without marketing.

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


def text_language(tenant: Tenant, language: str) -> str:
    """Return the language in which the confirmations answer somebody who writes `language`."""
    return next((each for each in (language, tenant.default_language) if each in _OPTED_OUT), _FALLBACK)


def _text(texts: Mapping[str, str], tenant: Tenant, language: str) -> str:
    return texts[text_language(tenant, language)].format(name=tenant.name)
