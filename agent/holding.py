"""What a prospect is told when every model is down. Deterministic, so that it needs no model (promise P6)."""

from agent.render import render_notice, with_disclosure
from agent.types import Candidate, Turn

_TEXTS = {
    "es": "Gracias por tu mensaje. Ahora mismo tenemos un problema técnico y no puedo responderte como es debido. "
    "Tenemos tu mensaje y te responderemos por aquí.",
    "pt": "Obrigado pela mensagem. Neste momento temos um problema técnico e não consigo responder como deve ser. "
    "A sua mensagem não se perdeu: vamos responder por aqui.",
    "en": "Thanks for your message. We have a technical problem right now and I cannot answer you properly. "
    "Your message is not lost: we will reply here.",
}


def render_holding_line(turn: Turn, language: str) -> Candidate:
    """Return the line, in the tenant's own words where it has any; it promises no time, for nobody knows it."""
    texts = {**_TEXTS, **turn.tenant.holding}
    spoken = next(each for each in (language, turn.tenant.default_language, "en") if each in texts)
    return render_notice(with_disclosure(texts[spoken], turn, spoken), turn, spoken)
