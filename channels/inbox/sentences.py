"""What the agent says in English, in the reader's language: refusals, what is wrong with what was typed, and why a turn
went as it did.

The agent's sentences are made where they are raised and recorded, and are also the log's and the command line's. Here
stands each of them as a message; what varies in it is named. A sentence that is known is put into other words, one
that is not stays as it is: never hidden, never guessed.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Protocol

from agent.guardrails.explain import put_in_words
from channels.inbox.navigation import N_
from channels.inbox.review_words import INTENTS
from channels.inbox.words import Language, load_translations

SENTENCES = (
    # what is wrong with a file
    N_("Not added: %(why)s."),
    N_("no files are kept here"),
    N_("the file is empty"),
    N_("the file is larger than %(bytes)s bytes"),
    N_("the file is a program"),
    N_("the file says that it is %(type)s, and is not"),
    N_("the file is %(type)s; send a picture, a PDF, an Office document, sound or an MP4 film"),
    N_("of a kind that is not known"),
    N_("a picture may have %(megabytes)s MB"),
    # what is wrong with a text
    N_("{{%(variable)s}}: %(why)s"),
    N_("there is no such variable. There are %(names)s."),
    N_("it is not known here. Write something else in its place."),
    N_("Bad price reference %(reference)s: %(why)s"),
    N_("a brace without its pair; write {price:SKU}."),
    N_("unknown kind; there are %(names)s."),
    N_("expected %(example)s, then optionally :CURRENCY and :UNIT."),
    N_("no such item; there are %(names)s."),
    N_("no such file; there are %(names)s."),
    N_("expected a whole number from %(least)s to %(most)s."),
    N_("%(sku)s has no interest-free instalments to quote."),
    N_("only amounts of at least %(least)s can be split."),
    N_("no such discount today; %(sku)s has %(names)s."),
    N_("%(why)s; %(sku)s has %(prices)s."),
    N_("%(currency)s has several units, name one"),
    N_("no such price today"),
    N_("this discount is an amount in %(currency)s; name %(other)s."),
    N_("A note has 1 to %(most)s characters; this one has %(length)s."),
    N_("A label has 1 to 40 characters and no comma, such as “big order”."),
    # when something should come back
    N_("Write when it should come back, such as “tomorrow 9”, “in 2 hours”, “monday” or “18:30”."),
    N_("“%(text)s” names no time. Try “tomorrow 9”, “in 2 hours”, “monday”, “18:30” or “25/12”."),
    N_("“%(text)s” has passed. Name a time to come."),
    N_("“%(text)s” is more than a year away. Name an earlier time."),
    N_("“%(text)s” is no time; write it like 2026-11-17T14:30."),
    N_("%(count)s conversations are chosen; %(most)s can be changed at once."),
    # what cannot be done
    N_("It takes the role “%(role)s”."),
    N_("%(contact)s is part of %(other)s: erase that one, or part the two first."),
    N_("%(contact)s is one contact already: name two."),
    N_("%(contact)s is part of %(other)s already: merge with that one."),
    N_("Somebody else changed these contacts just now: look at them again."),
    N_("%(contact)s was parted again by somebody else just now."),
    N_(
        "%(contact)s and %(other)s cannot be parted: by WhatsApp's word, addresses of both belong to one account "
        "(%(address)s)."
    ),
    N_("%(contact)s is part of no other contact; `nightshift contact show` lists what is."),
    N_("%(contact)s is itself part of %(other)s now: part those two first."),
    N_("There is no open request %(request)s: it is settled already, or another tenant's."),
    N_("Nothing has ever been answered in conversation %(conversation)s."),
    N_("Request %(request)s proposes nothing that could be sent: a person must answer."),
    N_("The contact has written since; what they wrote is being answered."),
    N_("%(why)s Write to them in another way, or wait until they write."),
    # what is wrong with what was typed
    N_("is required"),
    N_("%(problem)s (got %(value)s)"),
    N_("the text in %(languages)s is missing"),
    N_("expected one of `languages`"),
    N_("expected one of `languages` (%(languages)s)"),
    N_("expected an address on a domain under `links`"),
    N_("%(key)s is given twice"),
    N_("overlaps hours given above"),
    N_(
        "overlaps another price of %(sku)s in %(currency)s per %(unit)s; set `valid_to` of the earlier one to the day "
        "before"
    ),
    N_('expected an amount such as "1299.90": digits, a point for decimals, no separators'),
    N_("%(currency)s has %(decimals)s decimals, this amount has %(given)s"),
    N_("expected a two-letter ISO 3166 country such as ES or MX"),
    N_("expected an ISO 4217 currency in use, such as EUR or MXN"),
    N_("expected an IANA time zone such as Europe/Madrid"),
    N_("expected a two-letter ISO 639 language such as es"),
    N_("braces are reserved for price references in drafts; write the text without them"),
    N_("the text holds an invisible control character; remove it"),
    N_("`from` must be before `to`, both without a zone; split hours past midnight in two"),
    N_("`soft` must not be above `hard`"),
    N_("`max_wait_s` must not be below `quiet_s`"),
    N_("`max_per_week` must not be below `max_per_day`"),
    N_("`valid_from` is after `valid_to`"),
    N_("give exactly one of `percent` and `amount`"),
    N_("a code of digits only reads like a place in the list; add a letter"),
    N_("Field required"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be greater than %(least)s"),
    N_("Input should be greater than or equal to %(least)s"),
    N_("Input should be less than %(most)s"),
    N_("Input should be less than or equal to %(most)s"),
    N_("String should have at most %(most)s characters"),
    N_("String should have at least %(least)s characters"),
    N_("String should have at least 1 character"),
    N_("Input should be a valid date or datetime, %(why)s"),
    N_("Input should be in a valid time format, %(why)s"),
    N_("Input should be %(choices)s"),
    # why a turn went as it did
    N_("asked for a person"),
    N_("%(intent)s: an automatic reply could do harm"),
    N_("%(intent)s is simple"),
    N_("%(intent)s is routine"),
    N_("%(intent)s is hard"),
    N_("%(intent)s asks for nothing"),
    N_("unsure what is wanted (%(intent)s, %(confidence)s)"),
    N_("several matters at once: %(intents)s"),
    N_("a budget is named"),
    N_("a large quantity is named"),
    N_("asked to stop: that is confirmed, and nothing is answered"),
    N_("the budget is spent: a person answers"),
    N_("%(reason)s; the budget is nearly spent: %(tier)s, not %(wanted)s"),
    N_("%(reason)s; %(tier)s is down: %(chosen)s"),
    N_("An automatic message (RFC 3834) is never answered."),
    N_("The contact asks us not to write."),
    N_("The provider stopped this contact."),
    N_("The contact asks to hear from us again."),
    N_("Somebody asks that we write again, and nothing proves that it is the contact."),
    N_("The provider has already answered this keyword."),
    N_("%(count)s messages within 10 minutes: a loop or abuse."),
    N_("The same text %(times)s times within 10 minutes."),
    N_("The domain in From disowns this mail: it may be forged. Nothing was answered."),
    N_("%(count)s mails to this contact within an hour: a loop?"),
    N_("The contact asks for help."),
    N_("The contact asks whether a machine is answering."),
    N_("%(signal)s in the message: a person decides"),
    N_("%(intent)s: a person answers these"),
    N_("perhaps an opt-out (%(intent)s, %(confidence)s): a person decides"),
    N_("Wrote again to staff"),
    N_("newer message"),
    N_("could not be processed"),
    N_("The models were down for too long"),
    N_("The budget is spent"),
    N_("The model gave no usable answer"),
    N_("Opt-out that needs a person"),
    N_("asked to stop, in their own words"),
    N_("one click in a mail program (RFC 8058)"),
    N_("asked on the page behind a mail's link"),
    N_("asked to come back on the page behind a mail's link"),
)
_PLACE = re.compile(r"%\\?\(([a-z]+)\\?\)s")


def say(text: str, language: Language) -> str:
    """Return a message, or a sentence of the agent's, in a language; as it is if it is neither.

    What stands in the places of a sentence is put into the language as well, where it is a sentence or an intent.
    """
    said = load_translations(language).gettext(text) if text else ""
    if language == "en" or said != text:
        return said
    for sentence, pattern in _patterns().items():
        if match := pattern.fullmatch(text):
            values = {name: _value(value, language) for name, value in match.groupdict().items()}
            return load_translations(language).gettext(sentence) % values
    return text


class Judged(Protocol):
    """What a rule found: of a text about to leave, or as it was recorded."""

    @property
    def rule(self) -> str:
        """The rule's name."""

    @property
    def outcome(self) -> str:
        """What it decided."""

    @property
    def reason(self) -> str:
        """Why, in English."""

    @property
    def evidence(self) -> str:
        """The words that decided."""


def explain(found: Judged, language: Language) -> str:
    """Return why a rule objected: its own words in English, else those the guardrails have for sellers."""
    if language == "en":
        return found.reason
    return put_in_words(found.rule, found.outcome, found.evidence, language)


def _value(value: str, language: Language) -> str:
    return load_translations(language).gettext(INTENTS[value]) if value in INTENTS else say(value, language)


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """Return what finds each sentence that has places, the one with the most fixed words first."""
    placed = sorted((each for each in SENTENCES if "%(" in each), key=lambda each: -len(_PLACE.sub("", each)))
    return {each: re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(each)), re.DOTALL) for each in placed}
