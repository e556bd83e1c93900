"""What events are called on the audit log's page: each kind in words, families of kinds, and who did it.

Kinds are the code's names, of which exports and operators make use. What a conversation's timeline says of a kind is
said here as well. All are messages to translate; those that begin small go on from who did it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from agent.store.timeline import SHOWN_EVENTS
from channels.inbox.navigation import N_
from channels.inbox.timeline_view import DEEDS

FAMILIES: Mapping[str, str] = {
    "audit": N_("Audit log"),
    "budget": N_("Budgets"),
    "consent": N_("Consent"),
    "contact": N_("Contacts"),
    "conversation": N_("Conversations"),
    "delivery": N_("Deliveries"),
    "draft": N_("Drafts"),
    "drift": N_("Changes in what comes in"),
    "escalation": N_("Requests for a person"),
    "evaluation": N_("Evaluation"),
    "events": N_("Old events"),
    "mail": N_("E-mail"),
    "media": N_("Files"),
    "member": N_("Members"),
    "message": N_("Messages"),
    "models": N_("Language models"),
    "note": N_("Notes"),
    "outcome": N_("Outcomes"),
    "outcomes": N_("Secrets of outcomes"),
    "presence": N_("Who is where"),
    "proposal": N_("Proposals"),
    "rollout": N_("Rollouts"),
    "settings": N_("Settings"),
    "staff": N_("Messages of staff"),
    "template": N_("Templates"),
    "trust": N_("Trust"),
    "turn": N_("Turns"),
    "webhook": N_("Webhooks"),
    "window": N_("Reply window"),
}
"""By what kinds begin with."""

KINDS: Mapping[str, str] = {
    **{kind: DEEDS[kind][0] for kind in (*SHOWN_EVENTS, "escalation.done")},
    "audit.exported": N_("exported the audit log"),
    "budget.hard": N_("The budget is spent"),
    "budget.soft": N_("The budget is nearly spent"),
    "consent.opt_in": N_("This contact may be written to again"),
    "consent.opt_out": N_("This contact is not written to any more"),
    "contact.address_added": N_("A contact has another address"),
    "contact.erased": N_("erased a contact"),
    "contact.exported": N_("exported all that is kept of a contact"),
    "contact.unmerged": N_("One contact became two again"),
    "conversation.replay_asked": N_("asked for a replay of the conversation"),
    "conversation.replayed": N_("The conversation was replayed"),
    "delivery.accepted": N_("The provider took the message"),
    "delivery.ambiguous": N_("It is not known whether the message left; that is asked"),
    "delivery.refused": N_("The provider refused the message"),
    "delivery.reported": N_("The provider reported on the message"),
    "delivery.unknown": N_("Nobody can say whether the message left"),
    "delivery.withdrawn": N_("The message was withdrawn before it left"),
    "draft.redrafted": N_("had the draft written anew"),
    "draft.reviewed": N_("judged the draft"),
    "drift.detected": N_("What comes in has changed"),
    "drift.rebased": N_("made what comes in now the measure"),
    "evaluation.asked": N_("asked for an evaluation"),
    "evaluation.case_accepted": N_("accepted a case"),
    "evaluation.case_rejected": N_("rejected a case"),
    "evaluation.dropped": N_("The evaluation is worse: promotion is stopped"),
    "evaluation.finished": N_("The evaluation has ended"),
    "evaluation.hold_lifted": N_("let promotion go on"),
    "events.pruned": N_("Old events were removed"),
    "mail.complaint": N_("There was a complaint about our mail"),
    "mail.delayed": N_("Our mail is delayed"),
    "mail.delivered": N_("Our mail was delivered"),
    "mail.failed": N_("Our mail could not be delivered"),
    "media.failed": N_("A file could not be fetched"),
    "media.refused": N_("A file was refused"),
    "member.added": N_("added a member"),
    "member.disabled": N_("locked a member out"),
    "member.enabled": N_("let a member in again"),
    "member.link_made": N_("made a link that signs a member in"),
    "member.role_set": N_("gave a member a role"),
    "member.signed_in": N_("signed in"),
    "member.signed_out": N_("signed out"),
    "message.missed": N_("A message was found that had not reached us"),
    "message.received": N_("A message has come in"),
    "message.unreadable": N_("A message could not be read"),
    "models.spend_cap": N_("The spending limit at the providers is reached"),
    "note.added": N_("wrote a note"),
    "outcome.corrected": N_("An outcome was corrected"),
    "outcome.matched": N_("It has become known whose outcome it is"),
    "outcome.recorded": N_("An outcome was reported"),
    "outcomes.secret_set": N_("set a new secret for reports of outcomes"),
    "presence.asked": N_("asked a colleague to let them write"),
    "presence.editing": N_("was writing in the conversation"),
    "presence.left": N_("left the conversation"),
    "presence.viewing": N_("was reading the conversation"),
    "rollout.expanded": N_("Everybody has got the version"),
    "rollout.looked": N_("Both versions were compared"),
    "rollout.rolled_back": N_("The version was rolled back"),
    "rollout.started": N_("began to try a version"),
    "rollout.stopped": N_("stopped trying the version"),
    "settings.changed": N_("changed the settings"),
    "staff.sent": N_("sent a message"),
    "template.approval": N_("The approval of a template has changed"),
    "trust.moved": N_("changed how free the agent is"),
    "turn.cancelled": N_("cancelled the answer"),
    "turn.decided": N_("decided what to do"),
    "turn.failed": N_("could not process the messages"),
    "turn.replay_asked": N_("asked for a replay of the turn"),
    "turn.replayed": N_("The turn was replayed"),
    "turn.retried": N_("had the messages answered anew"),
    "webhook.failed": N_("The provider did not reach us at our first address"),
}

_COMMAND_LINE = N_("Command line")
_BY_ITSELF = "Nightshift"
ACTORS: Mapping[str, str] = {
    "agent": N_("The agent"),
    "contact": N_("Prospects"),
    "provider": N_("The provider"),
    "operator (command line)": _COMMAND_LINE,
    "staff (command line)": _COMMAND_LINE,
    "command line": _COMMAND_LINE,
    "nightshift up": _COMMAND_LINE,
    "clock": _BY_ITSELF,
    "evaluation": _BY_ITSELF,
    "retention": _BY_ITSELF,
    "rollout": _BY_ITSELF,
    "system": _BY_ITSELF,
}
"""Who acts that is no member."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A kind or a family of kinds, and what to call it."""

    code: str
    word: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Kinds that begin alike."""

    named: Named
    kinds: Sequence[Named]


def name_kind(kind: str, say: Callable[[str], str]) -> Named:
    """Name a kind. One of old that nobody writes any more has its code's name only."""
    return _name(kind, KINDS, say)


def list_families(kinds: Sequence[str], say: Callable[[str], str]) -> Sequence[Family]:
    """Return kinds in their families, in the order of what they are called."""
    codes = dict.fromkeys(_family(kind) for kind in kinds)
    families = [
        Family(
            named=_name(code, FAMILIES, say),
            kinds=sorted((name_kind(each, say) for each in kinds if _family(each) == code), key=_by_word),
        )
        for code in codes
    ]
    return sorted(families, key=lambda each: _by_word(each.named))


def _name(code: str, words: Mapping[str, str], say: Callable[[str], str]) -> Named:
    said = say(words[code]) if code in words else ""
    return Named(code=code, word=said[:1].upper() + said[1:] if said else code)


def _family(kind: str) -> str:
    return kind.partition(".")[0]


def _by_word(named: Named) -> str:
    return normalize("NFD", named.word.casefold())  # marks after the letters that bear them
