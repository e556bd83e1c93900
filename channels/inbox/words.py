"""The interface in the reader's language: messages of the catalogues under `channels/locale`, and how values read.

The `.po` files are the source, read as they are: no compiled file can be older than what people translate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Literal, get_args

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, format_skeleton, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from agent.staff.members import Member

Language = Literal["en", "es", "pt"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_LOCALES = {each: Locale(each) for each in LANGUAGES}
LANGUAGE_NAMES = {"en": "English", "es": "Español", "pt": "Português"}


@cache
def load_translations(language: Language) -> NullTranslations:
    """Return the messages of a language; English, in which they are written, has no catalogue."""
    if language == "en":
        return NullTranslations()
    with files("channels").joinpath("locale", f"{language}.po").open("rb") as po:
        catalogue = read_po(po, locale=language)
    mo = BytesIO()
    write_mo(mo, catalogue)
    mo.seek(0)
    return GNUTranslations(mo)


def best_language(accepted: str) -> Language:
    """Return the interface language a browser would like most, by its `Accept-Language` header."""
    wanted = [each.partition(";")[0].strip()[:2].lower() for each in accepted.split(",")]
    return next((each for want in wanted for each in LANGUAGES if each == want), "en")


def language_of(member: Member) -> Language:
    """Return a member's interface language."""
    return next((each for each in LANGUAGES if each == member.language), "en")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """For whom values are written out: their language, their clock."""

    member: Member
    now: datetime

    @property
    def language(self) -> Language:
        """Their interface language."""
        return language_of(self.member)

    @property
    def locale(self) -> Locale:
        """That of their language, read once: finding it takes longer than writing a time."""
        return _LOCALES[self.language]

    def time(self, at: datetime) -> str:
        """Write a time of day: `14:05`, `2:05 PM`."""
        return format_time(at, "short", tzinfo=self.member.zone, locale=self.locale)

    def day(self, at: datetime) -> str:
        """Write a day: `Sun, November 22`; with its year, if that is not this one."""
        local = at.astimezone(self.member.zone)
        this_year = local.year == self.now.astimezone(self.member.zone).year
        return format_skeleton("MMMEd" if this_year else "yMMMEd", local, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """Write a day and a time in short."""
        return format_datetime(at, "short", tzinfo=self.member.zone, locale=self.locale)

    def ago(self, at: datetime) -> str:
        """Write how long ago, or in how long: `5 minutes ago`, `in 2 hours`."""
        return format_timedelta(at - self.now, add_direction=True, threshold=1.1, locale=self.locale)

    def language_name(self, code: str) -> str:
        """Write the name of a language; its code, if it has no name."""
        return _language_name(code, self.language)

    def span(self, seconds: float) -> str:
        """Write a length of time in short: `5m`, `2h`."""
        return format_timedelta(timedelta(seconds=seconds), format="narrow", threshold=1.1, locale=self.locale)

    def length(self, at: datetime) -> str:
        """Write how far away a time is, in either direction, in short: `5 min`, `2 hr`; under a minute as one."""
        return _length(max(int(abs(at - self.now).total_seconds()) // 60, 1), self.language)


@lru_cache(maxsize=512)
def _language_name(code: str, language: Language) -> str:
    try:
        return str(Locale.parse(code).get_display_name(language) or code)
    except (UnknownLocaleError, ValueError):
        return code


@lru_cache(maxsize=4096)
def _length(minutes: int, language: Language) -> str:
    """Write minutes in short. A page has many of them, and few different ones."""
    span = timedelta(minutes=minutes)
    return format_timedelta(span, "minute", format="short", threshold=1.2, locale=_LOCALES[language])
