"""What the double for Claude says: a scripted table first, else keywords; enough for a sensible conversation."""

import json
import re
from collections.abc import Mapping
from typing import Any

# In the order of the labelling guide: the first that matches wins.
KEYWORDS = {
    "opt_out": r"\bstop\b|\bbaja\b|no me escrib|me tira|unsubscribe|n[aã]o me mande",
    "complaint": r"estafa|p[eé]simo|cobrar(am|on) dos|scam|money back|denunci|absurdo",
    "human_request": r"persona|humano|atendente|asesor|real person|someone|alguien|algu[eé]m",
    "ready_to_buy": r"me inscribo|quero fechar|sign up|quiero inscribirme|quero me inscrever",
    "negotiation": r"si me lo dejas|concorrente|better price|me hac[eé]s|desconto pra mim|descuento para m[ií]",
    "payment": r"transfer|parcel|cuotas|tarjeta|cart[aã]o|paypal|instal+ment|pagar|\bpix\b",
    "scheduling": r"jueves|hor[aá]rio|monday|agendar|lunes|demo|prueba|aula experimental",
    "support": r"certificado|no me deja entrar|reset|plataforma|my login",
    "objection": r"car[oa]\b|carit|expensive|pensar|marido|esposa|not sure",
    "not_interested": r"ya me inscrib|n[aã]o tenho mais|went with|no gracias",
    "pricing": r"preci|cuest|cu[aá]nto|quanto|price|how much|cost|valor|\bpromo",
    "product_question": r"\?|curso|class|course|aula|clase",
    "acknowledgement": r"gracias|obrigad|thanks|\bok\b|dale|blz|👍",
    "greeting": r"hola|\boi\b|ol[aá]|hi\b|hello|buen[ao]s|bom dia|info",
}
LANGUAGES = {
    "pt": r"quanto|\boi\b|ol[áa]\b|voc[eê]|obrigad|n[ãa]o|\bquero\b|parcel|\bpra\b|tem\b|bom dia",
    "es": r"cu[aá]nto|hola|gracias|precio|quiero|\bel\b|\blos\b|puedo|cuest|buenas|¿|ñ",
    "en": r"\bhow\b|\bthe\b|\bhi\b|hello|price|\byou\b|thanks|what|\bis\b",
}
PRICED = {
    "es": "El precio de {name} es {price}. ¿Te cuento cómo empezar?",
    "pt": "O preço de {name} é {price}. Quer saber como começar?",
    "en": "The price of {name} is {price}. Shall I tell you how to start?",
}
OPEN = {
    "es": "Gracias por escribirnos. ¿Qué te gustaría saber sobre {name}?",
    "pt": "Obrigado por escrever. O que gostaria de saber sobre {name}?",
    "en": "Thank you for writing. What would you like to know about {name}?",
}


class Answers:
    """Answers by structure: labels, a reply, judgements, or an empty example of anything else."""

    def __init__(self) -> None:
        self.table: dict[str, Mapping[str, Any]] = {}
        """Fields to answer with, by a fragment of the prospect's message."""

    def answer(self, system: str, user: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of an answer to a request."""
        answer_format = (body.get("output_config") or {}).get("format") or {}
        schema = answer_format.get("schema", {})
        fields = schema.get("properties", {})
        message = prospect_text(user)
        answer: dict[str, Any] = example_of(schema, schema.get("$defs", {})) if schema else {}
        if "intent" in fields:
            answer |= labels_of(message, user)
        elif "claims" in fields:
            answer |= reply_to(message, system, user)
        elif "judgements" in fields:
            answer |= judgements_of(system, user)
        elif "points" in fields:
            answer |= notes_of(user)
        for fragment, scripted in self.table.items():
            if fragment.casefold() in message.casefold():
                answer |= {name: value for name, value in scripted.items() if name in fields}
        return answer


def prospect_text(user: str) -> str:
    """Return what stands in the prospect's data block, decoded."""
    found = re.search(r"<prospect_message>\n(.*?)\n</prospect_message>", user, re.DOTALL)
    lines = [json.loads(line) for line in found[1].splitlines()] if found else []
    return "\n".join(line["text"] if isinstance(line, dict) else line for line in lines)


def labels_of(message: str, user: str) -> dict[str, Any]:
    """Return labels by keywords."""
    matches = [intent for intent, words in KEYWORDS.items() if re.search(words, message, re.IGNORECASE)]
    intent = matches[0] if matches else "off_topic"
    scores = {code: len(re.findall(words, message, re.IGNORECASE)) for code, words in LANGUAGES.items()}
    guess = re.search(r"guesses the language `(\w+)`", user)
    best = max(scores, key=lambda code: scores[code])
    language = best if scores[best] else guess[1] if guess else "other"
    return {
        "intent": intent,
        "secondary": matches[1:3],
        "language": language,
        "needs_human": intent in {"complaint", "human_request"},
        "sentiment": "negative" if intent == "complaint" else "neutral",
        "confidence": 0.9 if matches else 0.6,
    }


def reply_to(message: str, system: str, user: str) -> dict[str, Any]:
    """Return a reply about the catalogue item the message names, with its price if that was the question."""
    asked = re.search(r"in the language `(\w+)`", user)
    language = asked[1] if asked and asked[1] in PRICED else "es"
    understanding = re.search(r"<understanding>\n(.*)\n</understanding>", user)
    intents = json.loads(understanding[1]) if understanding else {"intent": "greeting"}
    item = best_item(message, system)
    prices = re.findall(r"\{price:[^}]+\}", item)
    sku = re.search(r"^item:(\S+)", item)
    found = re.search(rf"(?:Names: |· ){language} ([^·(\n]+)", item) or re.search(r"Names: \w+ ([^·(\n]+)", item)
    name = found[1].strip() if found else "…"
    is_priced = intents["intent"] in {"pricing", "payment", "negotiation"} and prices and "<objections>" not in user
    text = (PRICED if is_priced else OPEN)[language].format(name=name, price=prices[0] if prices else "")
    claims = [{"text": text.split(". ", maxsplit=1)[0], "source": f"item:{sku[1]}"}] if is_priced and sku else []
    return {"language": language, "text": text, "claims": claims, "human_reason": "", "confidence": 0.9}


def judgements_of(system: str, user: str) -> dict[str, Any]:
    """Return that a statement is supported by the published line that has all its long words, if one has."""
    found = re.search(r"<statements>\n(.*?)\n</statements>", user, re.DOTALL)
    statements = [json.loads(line) for line in found[1].splitlines()] if found else []
    published = re.findall(r"^- ((?:fact|policy):\S+): (.*)$", system, re.MULTILINE)
    judgements = []
    for each in statements:
        words = set(re.findall(r"\w{4,}", each["text"].casefold()))
        source = next((name for name, text in published if words <= set(re.findall(r"\w{4,}", text.casefold()))), "")
        finding = "supported" if source else "unsupported"
        judgements.append({"statement": each["statement"], "source": source, "finding": finding})
    return {"judgements": judgements}


def notes_of(user: str) -> dict[str, Any]:
    """Return the earlier notes, then what the prospect has said since, shortened."""
    earlier = re.search(r"<conversation_summary>\n(.*)\n</conversation_summary>", user)
    said = re.search(r"<conversation_history>\n(.*?)\n</conversation_history>", user, re.DOTALL)
    messages = [json.loads(line) for line in said[1].splitlines()] if said else []
    new = [f"Said: {each['text'][:60]}" for each in messages if each["from"] == "prospect"]
    return {"points": [*new[-4:], *(json.loads(earlier[1]).splitlines() if earlier else [])][:10]}


def best_item(message: str, system: str) -> str:
    """Return the catalogue section that shares most words with the message, else the first."""
    sections = re.split(r"^### ", system.partition("\n## Facts")[0], flags=re.MULTILINE)[1:]
    words = set(re.findall(r"\w{4,}", message.casefold()))
    return max(sections, key=lambda s: len(words & set(re.findall(r"\w{4,}", s.casefold()))), default="")


def example_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """Return the plainest value that fits a schema."""
    if "$ref" in schema:
        return example_of(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], definitions)
    if schema.get("type") == "object":
        return {name: example_of(inner, definitions) for name, inner in schema.get("properties", {}).items()}
    plain: dict[str, Any] = {"array": [], "string": "", "integer": 0, "number": 0.5, "boolean": False}
    return plain.get(schema.get("type", ""))
