"""Canned replies: texts that staff keep to insert, with variables such as `{{contact.first_name}}`.

A variable is either filled or refused: no prospect ever reads one. Prices stay references, which code renders as in any
other text (promise P5).
"""

import re
from collections.abc import Mapping

from agent.errors import NightshiftError
from agent.staff.members import Member
from agent.types import Contact, Tenant

VARIABLES = ("contact.name", "contact.first_name", "me.name", "me.first_name", "business.name")
_PLACE = re.compile(r"\{\{\s*([^{}]{0,60}?)\s*\}\}")


class VariableError(NightshiftError):
    """The writer acts: a variable does not exist, or nothing is known to put in its place."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{{{{{variable}}}}}: {reason}")
        self.variable = variable


def known_values(contact: Contact, member: Member, tenant: Tenant) -> Mapping[str, str]:
    """Return what is known to fill variables with; empty where nothing is."""
    return {
        "contact.name": contact.name or "",
        "contact.first_name": (contact.name or "").split(" ")[0],
        "me.name": member.name,
        "me.first_name": member.name.split(" ")[0],
        "business.name": tenant.name,
    }


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables filled.

    Raises:
        VariableError: one does not exist, or has no value here.
    """

    def value_of(found: re.Match[str]) -> str:
        name = found[1]
        if name not in VARIABLES:
            raise VariableError(name, f"there is no such variable. There are {', '.join(VARIABLES)}.")
        if not values.get(name):
            raise VariableError(name, "it is not known here. Write something else in its place.")
        return values[name]

    return _PLACE.sub(value_of, text)


def in_language(body: Mapping[str, str], language: str, default: str) -> str:
    """Return a canned reply's text in a language, else in the tenant's, else in any."""
    return body.get(language) or body.get(default) or next(iter(body.values()), "")
