"""The sentences of the local engine, read from `local_texts.toml` and versioned by their content."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, Self

from agent.errors import ModelRefused
from agent.types import Intent, Tenant, Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """Sentences by section, name and language. A name that does not exist is a KeyError: a programming error."""

    sections: Mapping[str, Any]
    version: str
    """Hash of the file: it changes when a text does."""

    @classmethod
    def load(cls) -> Self:
        """Read the file that ships with the package."""
        content = resources.files("agent.models").joinpath("local_texts.toml").read_bytes()
        return cls(sections=tomllib.loads(content.decode()), version=hashlib.sha256(content).hexdigest()[:12])

    @property
    def languages(self) -> frozenset[str]:
        """The languages that every sentence has."""
        return frozenset(self.sections["say"]["hello"])

    def choose_language(self, wanted: str, tenant: Tenant) -> str:
        """Return `wanted` if the tenant and these texts have it, else the tenant's first that they have.

        Raises:
            ModelRefused: these texts have none of the tenant's languages.
        """
        preferred = (wanted, tenant.default_language, *tenant.languages)
        for language in preferred:
            if language in tenant.languages and language in self.languages:
                return language
        raise ModelRefused(
            f"The local engine writes {', '.join(sorted(self.languages))}; {tenant.slug} answers in "
            f"{', '.join(tenant.languages)}. A person should take this turn."
        )

    def say(self, name: str, language: str, **values: object) -> str:
        """Return a sentence with `values` filled in. Braces inside values stay as they are."""
        return str(self.sections["say"][name][language]).format(**values)

    def unit(self, unit: Unit, language: str) -> str:
        """Return what a price is for; empty where it goes without saying."""
        return str(self.sections["unit"][unit][language])

    def session_words(self, language: str) -> list[str]:
        """Return what a session may be called."""
        return list(self.sections["session"]["words"][language])

    def topic(self, intent: Intent | Literal["other"], language: str) -> str | None:
        """Return what an intent is about, as a noun; None for one that is about nothing."""
        topics = self.sections["topic"].get(intent)
        return str(topics[language]) if topics else None

    def question(self, name: str, language: str) -> str:
        """Return how a prospect would ask for something."""
        return str(self.sections["question"][name][language])
