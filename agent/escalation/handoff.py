"""What a prospect is told when a person takes over. Deterministic, so that it needs no model (promise P6)."""

from agent.types import Tenant

_TEXTS = {
    "es": "Gracias por escribirnos. Le paso tu mensaje a una persona del equipo de {name}, que te responderá por aquí.",
    "pt": "Obrigado pela mensagem. Vou passar para uma pessoa da equipe {name}, que responde por aqui.",
    "en": "Thanks for your message. I am passing it on to a person on the {name} team, who will reply here.",
}


def handoff_text(tenant: Tenant, language: str) -> str:
    """Return the notice that a person will answer; it promises no time.

    It always says that an assistant is writing: whoever asks "are you a bot?" is handed over with this, and must
    get a true answer. In a language that we have no words in, the tenant's help says how to reach a person.
    """
    disclosure = tenant.disclosure.get(language) or tenant.disclosure[tenant.default_language]
    if language not in _TEXTS and language in tenant.help_text:
        return f"{disclosure} {tenant.help_text[language]}"
    return f"{disclosure} {_TEXTS.get(language, _TEXTS['en']).format(name=tenant.name)}"
