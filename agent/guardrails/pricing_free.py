"""Whether what a reply calls free, or included, is published so (P5)."""

import re
from dataclasses import replace

from agent.folding import fold
from agent.guardrails.conditions import condition_of, is_met, is_regardless, is_unreadable
from agent.guardrails.expressions import load_expressions
from agent.guardrails.item_names import is_in_name
from agent.guardrails.mentions import Mention, find_mentions
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.own_figures import is_denied
from agent.guardrails.pricing_reading import Bound, Reading
from agent.guardrails.published import ASIDE, FreeThing, clause_of, free_thing, is_cognate, is_same_thing, lasts_as_long
from agent.prices import valid_discounts, valid_prices
from agent.types import Discount

_WORDS = load_expressions("pricing_words")

_FOREVER = _WORDS["forever"]
_WHENEVER = re.compile(
    r"\b(?:(?:cuando|siempre que) (?:quieras|quiera)|cuando sea|sempre que (?:quiser|precisar)"
    r"|en cualquier momento|any ?(?:time|where)|whenever|a qualquer (?:momento|hora)"
    r"|quando quiser)\b"
)
"""Behind "free" it means for ever; in front, it is about something else."""
_TOO = re.compile(r"\b(?:y|e|and|ni|,) [^.;!?]{3,60}\b(?:tambien|tambem|too|also|as well|igual|igualmente)\b")
_MAY_INCLUDE = re.compile(
    r"\b(?:no|nao|sin|sem|without|zero|skip|inclu|comes? with|viene con|vem com|va con|anad|agreg|acresc|met[eo]|ganh"
    r"|te llevas|throw|jog|sum|de paso|dentro|entra|part of|parte de|cover|cubi|cober|inside|within|in the)"
)
_INCLUDES_AMONG = re.compile(
    r"\b(?:incluy\w+|inclui(?!d)\w*|includ(?:es|ing)|comes? with|viene con|vem com)\b[^.;:!?]{0,40}(?:,| y| e"
    r"| and)(?: (?:la|el|los|las|un|una|o|a|os|as|um|uma|the|an))? $"
)
_NONE_OF = re.compile(
    r"\b(?:(?:no|nao) (?:hay|tiene[ns]?|ha|tem|existe|cobramos|se paga|se cobra)|there(?:'s| is) no|no|sin|sem"
    r"|without|zero|skip|saltate)"
    r"(?: (?:la|el|a|o|any|the|de|your|tu))? ?$"
)
FEE = re.compile(r"matric|inscri|enrol|fee|tasa|taxa|cargo|gasto|tarifa|cuota|regist|adesao|comision|deposit")
_INCLUDED_AFTER = re.compile(
    r"^[^.,;!?]{0,14}?\b(?:(?:va|van|viene|vienen|vai|vem|esta|is|are|comes?|queda|fica) )?(?:ya |ja |tambien |also "
    r"|all )?(?:incluid[oa]s?|inclus[oa]s?|included|de paso)\b"
    r"|^[^.,;!?]{0,8}?\b(?P<verb>va|van|entra[nm]?|vai|vao|esta[no]?|estao|is|are|goes?|comes?|fica[mn]?|queda[n]?"
    r"|forma[nm]?)"
    r"(?: ya| ja| already| all| tambien| tambem| also)? (?:dentro d|en (?:el|los) (?:precio|pack|paquete|curso|[$€£\d])"
    r"|n[oa]s? (?:preco|pacote|curso|valor|[$€£\d]|r\$)|part of|parte de|covered|cubiert|cobert|inside|within"
    r"|in the (?:price|pack|course|[$€£\d]))"
)
_INCLUDES = _WORDS["includes"]
_ADDS = re.compile(
    r"\b(?:sum|agreg|anad|acrescent|add)\w*"
    r"(?: (?:la|el|los|las|un|una|o|a|os|as|um|uma|the|an|your|al|ao|to|to the))? $"
)
_TWO = 2
_SAYS_INCLUDED = re.compile(
    r"(?<!no )(?<!not )(?<!nao )(?<!no esta )(?<!no estan )(?<!nao esta )(?<!nao estao )\binclu"
)
_SHORT = frozenset({"minute", "hour"})
_SEVERAL = re.compile(
    r"\b(?:[2-9]|1\d|all|every|each|any|tod[oa]s?|cada|cualquier|qualquer|weekly|daily|semana\w*|unlimited)\b"
    r"(?![- ]?(?:min|hour|hora|h\b))"
)
"""In front of what is free: it is not one."""
_TRIALS = re.compile(
    r"\b([2-9])(?: \w{3,12}){0,2} (?:clases|aulas|classes|lessons|sesiones|sessoes|sessions|pruebas|trials)\b"
)
_ALSO_CALLED = {
    "trial": re.compile(r"\b(?:clase|aula|class|lesson|sesion|sessao|session)\b"),
    "level": re.compile(r"\b(?:prueba|test|teste|prova|quiz)\b"),
}
"""How a trial or a placement test is called where its length tells which class or test is meant."""
_STATEMENT_END = re.compile(r"[;!?]|\.(?!\d)|, (?:so|asi que|por tanto|de modo que|entao|portanto)\b")
_AT_A_PRICE = re.compile(r"^[ ,:(]{1,3}(?:(?:de|por|at|for|a|que (?:cuesta|vale|son|custa)) )?(?:r?\$|us\$|[€£]|\d)")
"""Behind what is added: it is no gift."""

_WAY_BACK_PAID = re.compile(
    r"\b(?:regres\w+|vuelta|volta|return|back)\b[^.;]{0,25}\b(?:pag|paid|cost|extra|apart|a parte|no (?:se )?inclu"
    r"|not incl|nao inclu)"
)
"""In the condition of a waiver: it is only for the way there."""
_HEADING = re.compile(r"^[^.,;:!?]{0,30}: ?")
"""Between "free" and the things it is said of: "gratis tenemos dos cosas:"."""
_HEADED = re.compile(r"[a-z]{3,}[^.;:!?,]{0,40}\b(?:is|are|es|son|e|sao|sale|sai) (?:\w+ )?$")
"""In front of "free", where a list behind it tells something else: "the visit is free: we measure the roof"."""
_LISTED = re.compile(r", (?:(?:y|e|and|mas|plus) )?| (?:y|e|and|mas|plus) ")
_SO_LONG_FREE = re.compile(
    r"\d (?:dias|days|semanas|weeks|mes|meses|months?) (?:totalmente |completely )?#"
    r"(?:[ ,.;:!)]*$|[,.;:!)]| (?:con|com|with|to|para|for)\b)"
    r"|# (?:for|por|durante)? ?\d+ (?:dias|days|semanas|weeks|mes|meses|months?)\b(?! (?:de|del|do|of)\b)"
)
"""How long something is free, `#`, where nothing is said of what it is."""
_SO_LONG_OF = re.compile(
    r"\d (?:dias|days|semanas|weeks|mes|meses|months?) (?:de|del|do|of|with|con|com) (?:[\w']+ ){1,4}#"
)
"""How long something that is named is free."""
_AROUND = 40
_IS_THING = re.compile(r"(?:an?|the|un[oa]?s?|el|l[ao]s?|[ao]s?|uma?s?|\d+|your|tus?|sus?|one|two)\b")
_NAMES_NOTHING = re.compile(
    r"^[ ,]*(?:(?:y|e|and|eso|esto|isso|isto|it|this|that|which|que|ademas|tambien|tambem|also|todo|tudo|all) ){0,3}"
    r"(?:(?:there|that|it)(?:'s| is)? )?(?:(?:es|e|is|sale|sai|fica|comes|hay|te|le) ){0,2}#"
    r"(?: (?:alguno|ninguno|nada|para ti|para vos|pra voce|for (?:it|that|this)|por (?:ello|eso|isso)|at all))?[ .]*$"
)
"""A clause that only says that something costs nothing; `#` stands for the words that do."""
_HELD = frozenset({"plan"})
"""Topics that say whose something is, not what: "the annual plan can be frozen"."""


def is_free_explained(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether what is called free is published as free, or waived under a condition that is said."""
    if is_denied(expression.before, expression.after) and not expression.text.startswith(("no ", "nao ")):
        return True
    clause = clause_of(expression)
    if _is_without_limit(expression, clause):
        return False
    listed = _listed(expression)
    given = [_is_given(free_thing(each, reading.tenant.catalogue), reading) for each in listed]
    if (given and all(given)) or _told_before(expression, clause, reading):
        return True
    if len(listed) > 1 and all(map(_IS_THING.match, listed)):
        return False
    thing = free_thing(clause, reading.tenant.catalogue)
    own = thing.periods - free_thing(reading.inbound).periods  # "12 hours' notice, so your 13 are fine"
    thing = replace(thing, periods=own or thing.periods)
    if _is_one_of_several(thing, clause, reading):
        return False
    known = _is_told_by_length(thing, clause, reading) or _is_known_free(expression, about, thing, reading)
    return known or _is_waiver_told(about, thing, reading)


def _listed(expression: MoneyExpression) -> list[str]:
    """Return the parts of a list that words such as "free:" introduce; none where they introduce no list."""
    heading = _HEADING.match(expression.after)
    if heading is None or _HEADED.search(expression.before):
        return []
    parts: list[str] = []
    for part in _LISTED.split(expression.after[heading.end() :].strip()):
        if parts and not free_thing(part).topics - ASIDE and not _IS_THING.match(part):
            parts[-1] = f"{parts[-1]} {part}"  # how long it lasts, or how it is given
        else:
            parts.append(part)
    return parts


def _is_given(thing: FreeThing, reading: Reading) -> bool:
    """Say whether one thing of a list is published as free, or waived under a condition that is said."""
    return _is_published_free(thing, reading) or any(_is_waived(item, thing, reading) for item in thing.items)


def _names_nothing(expression: MoneyExpression, clause: str) -> bool:
    """Say whether the clause in which something is called free leaves open what: "and it's free"."""
    return bool(_NAMES_NOTHING.match(clause.replace(expression.text, "#", 1)))


def _is_without_limit(expression: MoneyExpression, clause: str) -> bool:
    """Say whether something is called free for ever, whenever one likes, or whatever the condition."""
    told = expression.sentence if _names_nothing(expression, clause) else clause
    whenever = _WHENEVER.search(told, 0 if told != clause else clause.rindex(expression.text))
    return bool(whenever or _FOREVER.search(told)) or is_regardless(expression.sentence)


def _told_before(expression: MoneyExpression, clause: str, reading: Reading) -> bool:
    """Say whether the sentence of a clause that names nothing, "and it's free", tells what is published as free."""
    if not _names_nothing(expression, clause):
        return False
    told = free_thing(expression.before, reading.tenant.catalogue)
    told = replace(told, topics=told.topics - _HELD)
    if told.topics - ASIDE:
        return _is_published_free(told, reading)
    return any(_shares_words(told, each) for each in reading.published.free)


def _shares_words(told: FreeThing, published: FreeThing) -> bool:
    """Say whether what a sentence tells has two words of a text that gives something away, in whatever language."""
    if told.items and published.items and not told.items & published.items:
        return False
    shared = [word for word in told.stems if word in published.stems or is_cognate(word, published.stems)]
    return len(shared) >= _TWO and lasts_as_long(told, published)


def _is_known_free(expression: MoneyExpression, about: Bound, thing: FreeThing, reading: Reading) -> bool:
    """Say whether the things that a sentence calls free, or what it is about, are published as free or waived."""
    if _is_trial_so_long(expression, about, thing, reading):
        return True
    if about.explicit:
        thing = replace(thing, items=thing.items.intersection(about.items))
        return _are_all_waived(expression, about, thing, reading)
    names_thing = thing.topics - ASIDE or ("first" in thing.topics and not thing.periods)
    if _is_published_free(thing, reading):
        return True
    if names_thing:
        loosely = () if about.named else _loosely_named(clause_of(expression), about, reading)
        return any(_is_waived(item, thing, reading) for item in loosely)
    told = f"{reading.inbound} {_text_before(expression, reading)}"
    meant = about.items if about.named else _loosely_named(told, about, reading)
    if any(_is_waived(item, thing, reading) for item in meant):
        return True
    context = free_thing(told)
    return _is_published_free(replace(context, periods=thing.periods), reading) or any(
        _is_fee_waived(item, thing, told, reading) for item in range(len(reading.tenant.catalogue))
    )


def _is_fee_waived(item: int, thing: FreeThing, told: str, reading: Reading) -> bool:
    """Say whether an item is the fee that is spoken of, however it is called, and its waiver's condition is said."""
    names = reading.tenant.catalogue[item].name.values()
    is_fee = any(FEE.search(fold(name)) for name in names) and FEE.search(told)
    return bool(is_fee) and _is_waived(item, thing, reading)


def _is_waiver_told(about: Bound, thing: FreeThing, reading: Reading) -> bool:
    """Say whether a clause tells the condition of a waiver, in its words or by its months, and it is met."""
    catalogue = reading.tenant.catalogue
    for item, product in enumerate(catalogue):
        for discount in valid_discounts(product, reading.today):
            if discount.percent != 100 or (about.explicit and item not in about.items):
                continue
            months = condition_of(discount, item, catalogue).months
            told = free_thing(_told_in(discount))
            alike = [word for word in thing.stems if is_cognate(word, told.stems)]
            says = item in about.items and (str(months), "month") in thing.periods if months else len(alike) >= _TWO
            if says and is_met(discount, item, catalogue, reading.said) and _is_so_long(thing, told):
                return True
    return False


def _is_so_long(thing: FreeThing, told: FreeThing) -> bool:
    """Say whether nothing lasts longer than a waiver; what it costs in a year may be told beside it."""
    yearly = ("12", "month") in told.periods
    said = {each for each in thing.periods if not (yearly and each[1] == "year")}
    return lasts_as_long(replace(thing, periods=frozenset(said)), told)


def _is_trial_so_long(expression: MoneyExpression, about: Bound, thing: FreeThing, reading: Reading) -> bool:
    """Say whether nothing but a time is called free, and a text gives so long a trial: "14 days free, no card"."""
    if not thing.periods:
        return False
    around = f"{expression.before[-_AROUND:]}#{expression.after[:_AROUND]}"
    trials = [each for each in reading.published.free if "trial" in each.topics and each.periods == thing.periods]
    if _SO_LONG_OF.search(around):
        return any(each.items.intersection(about.items) for each in trials)
    said = any(not each.items or not about.named or each.items & set(about.items) for each in trials)
    return said and not about.explicit and bool(_SO_LONG_FREE.search(around))


def _is_one_of_several(thing: FreeThing, clause: str, reading: Reading) -> bool:
    """Say whether a reply gives more trials than a text does: "two trial classes"."""
    many = _TRIALS.search(clause) if "trial" in thing.topics else None
    told = (each.sentence for each in reading.published.of_kind("free"))
    return many is not None and not any(re.search(rf"\b{many[1]}\b", sentence) for sentence in told)


def _is_told_by_length(thing: FreeThing, clause: str, reading: Reading) -> bool:
    """Say whether what is called free is one thing that lasts as long as one published as free, and sounds like it.

    "A 30-minute online class" is the trial class; the same of an item that is sold, or two of them, are not.
    """
    lasting = any(unit in _SHORT for _, unit in thing.periods)
    if not lasting or thing.items or _SEVERAL.search(clause):
        return False
    called = {topic for topic, names in _ALSO_CALLED.items() if names.search(clause)}
    return any(
        thing.periods == each.periods and not each.items and (thing.stems & each.stems or called & each.topics)
        for each in reading.published.free
    )


def _loosely_named(told: str, about: Bound, reading: Reading) -> list[int]:
    """Return the items of which folded text has a word, be it only a common one: "the visit" of a "Quote visit"."""
    words = frozenset(re.findall(r"[a-z]{4,}", told))
    return [i for i in about.items if any(is_in_name(reading.tenant.catalogue, i, word) for word in words)]


def _free_for(reading: Reading) -> list[FreeThing]:
    """Return what is free for as many as are spoken of."""
    most = max(reading.said.counts, default=1)
    return [each for each in reading.published.free if each.least <= most]


def _is_published_free(thing: FreeThing, reading: Reading) -> bool:
    published = _free_for(reading)
    if any(is_same_thing(thing, each) for each in published):
        return True
    if len(thing.periods) < _TWO or len(thing.topics - ASIDE) < _TWO:
        return False
    same = [each for each in published if is_same_thing(replace(thing, periods=thing.periods & each.periods), each)]
    return thing.periods == frozenset(period for each in same for period in each.periods & thing.periods)


def _are_all_waived(expression: MoneyExpression, about: Bound, thing: FreeThing, reading: Reading) -> bool:
    """Say whether the items a sentence calls free are, also those it adds with "too"."""
    added = _added_items(expression, reading)
    if any(not _is_waived(item, thing, reading) for item in added):
        return False
    if any(_is_waived(item, thing, reading) for item in about.items):
        return True
    if any(
        _is_waived_with(item, about, thing, reading)
        for item in (reading.said.loose_items if about.aside else reading.asked_items)
        | _items_before(expression, reading)
    ):
        return True
    if all(_has_waiver(item, reading) for item in about.items):  # else "cleaning" of one thing would be that of any
        return any(each.items & thing.items and is_same_thing(thing, each) for each in reading.published.free)
    if (thing.topics or thing.items) and _is_published_free(thing, reading):
        return True
    return any(_shares_words(thing, each) for each in _free_for(reading))


def _has_waiver(item: int, reading: Reading) -> bool:
    return any(each.percent == 100 for each in valid_discounts(reading.tenant.catalogue[item], reading.today))


def _is_waived_with(item: int, about: Bound, thing: FreeThing, reading: Reading) -> bool:
    """Say whether an item named before is waived for those who buy one that the sentence names."""
    catalogue = reading.tenant.catalogue
    conditions = (
        condition_of(discount, item, catalogue)
        for discount in valid_discounts(catalogue[item], reading.today)
        if discount.percent == 100
    )
    buys = any(each.items.intersection(about.items) or is_unreadable(each) for each in conditions)
    return buys and _is_waived(item, thing, reading)


def _items_before(expression: MoneyExpression, reading: Reading) -> frozenset[int]:
    start = expression.sentence_span[0]
    return frozenset(item for m in reading.mentions if start - 200 <= m.end <= start for item in m.items)


def _added_items(expression: MoneyExpression, reading: Reading) -> frozenset[int]:
    if not _TOO.search(expression.after):
        return frozenset()
    start, end = expression.span[1], expression.sentence_span[1]
    return frozenset(item for m in reading.mentions if start <= m.start and m.end <= end for item in m.items)


def _is_waived(item: int, thing: FreeThing, reading: Reading) -> bool:
    """Say whether an item costs nothing, or has a waiver whose condition is said, for no longer than published."""
    product = reading.tenant.catalogue[item]
    if any(price.amount_minor == 0 for price in valid_prices(product, reading.today)):
        return True
    for discount in valid_discounts(product, reading.today):
        if "way_back" in thing.topics and _WAY_BACK_PAID.search(_told_in(discount)):
            continue
        is_waiver = discount.percent == 100 and is_met(discount, item, reading.tenant.catalogue, reading.said)
        if is_waiver and lasts_as_long(thing, free_thing(_told_in(discount))):
            return True
    return False


def _told_in(discount: Discount) -> str:
    """Return the condition of a discount in all its languages, folded, with numbers as digits."""
    return " ".join(digits_for_words(fold(text), language) for language, text in discount.condition.items())


def _text_before(expression: MoneyExpression, reading: Reading) -> str:
    return reading.plain.text[max(0, expression.start - 160) : expression.start]


def false_inclusion(reading: Reading) -> tuple[str, tuple[int, int]] | None:
    """Return the words, and where they are, by which a reply includes an item that is sold on its own; None if none."""
    if not _MAY_INCLUDE.search(reading.plain.text):
        return None
    for mention in reading.mentions:
        if mention.weak or len(mention.items) > 1 or _has_asked(mention, reading):
            continue
        if _says_included(mention, reading):
            (item,) = mention.items
            if not _is_waived(item, free_thing(_around(mention, reading)), reading) and not _is_published_inclusion(
                item, reading
            ):
                return reading.draft[mention.start : mention.end], (mention.start, mention.end)
    return None


def _has_asked(mention: Mention, reading: Reading) -> bool:
    """Say whether the item asked about comes with the one mentioned: "it comes with the 30,000 km service"."""
    catalogue = reading.tenant.catalogue
    return any(
        condition_of(discount, item, catalogue).items & mention.items
        for item in reading.asked_items - mention.items
        for discount in valid_discounts(catalogue[item], reading.today)
        if discount.percent == 100
    )


def _says_included(mention: Mention, reading: Reading) -> bool:
    before = fold(reading.draft[max(0, mention.start - 70) : mention.start])
    after = fold(reading.draft[mention.end : mention.end + 50])
    if _NONE_OF.search(before):
        return bool(FEE.search(fold(reading.draft[mention.start : mention.end])))
    if _ADDS.search(before) and _AT_A_PRICE.match(after):
        return False
    verb = _INCLUDES.search(before) or _INCLUDES_AMONG.search(before)
    if verb:
        own = any(m.items & mention.items for m in reading.mentions if m.end <= mention.start)
        return not own and not is_denied(before[: verb.start()])
    behind = _INCLUDED_AFTER.match(after)
    return behind is not None and not is_denied(after[: behind.start("verb") if behind["verb"] else 12])


def _around(mention: Mention, reading: Reading) -> str:
    before = _STATEMENT_END.split(fold(reading.draft[max(0, mention.start - 60) : mention.start]))[-1]
    after = _STATEMENT_END.split(fold(reading.draft[mention.start : mention.end + 60]))[0]
    return digits_for_words(before + after, reading.tenant.default_language)


def _priced_items(reading: Reading) -> frozenset[int]:
    """Return the items of which the reply states a price of the day."""
    said = {money for each in reading.amounts for money in reading.money(each)}
    return frozenset(
        place
        for place, item in enumerate(reading.tenant.catalogue)
        if any((price.amount_minor, price.currency) in said for price in valid_prices(item, reading.today))
    )


def _is_part_of_named(item: int, reading: Reading) -> bool:
    """Say whether an item that is named, or whose price is told, has this one in its own description."""
    catalogue = reading.tenant.catalogue
    return any(
        item in mention.items
        for other in (reading.named_items | _priced_items(reading)) - {item}
        for text in catalogue[other].description.values()
        for mention in find_mentions(catalogue, text)
    )


def _is_published_inclusion(item: int, reading: Reading) -> bool:
    """Say whether a published text speaks of the item as included."""
    if _is_part_of_named(item, reading):
        return True
    texts = [text for passage in reading.tenant.passages for text in passage.text.values()]
    texts += [text for each in reading.tenant.catalogue for text in each.description.values()]
    told = (text for text in texts if _SAYS_INCLUDED.search(fold(text)))
    return any(item in mention.items for text in told for mention in find_mentions(reading.tenant.catalogue, text))
