"""Pages for people: templates rendered strictly, and the address of each static file with its version."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.staticfiles import StaticFiles

STATIC_PATH = "/static"
PACKAGES = ("channels", "django_htmx")
"""Whose `static` folders are served: ours, and that of the package which carries htmx."""


def build_templates() -> Environment:
    """Return the environment of all templates: all but plain text (`.txt`) is escaped, a missing name is an error."""
    environment = Environment(
        loader=PackageLoader("channels"),
        autoescape=select_autoescape(default=True, default_for_string=True, disabled_extensions=("txt",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_url
    return environment


@cache
def static_url(name: str) -> str:
    """Return the address of a static file. It changes with the content, so browsers never show an old one.

    Raises:
        LookupError: there is no such file.
    """
    for package in PACKAGES:
        file = files(package).joinpath("static", name)
        if file.is_file():
            return f"{STATIC_PATH}/{name}?v={sha256(file.read_bytes()).hexdigest()[:12]}"
    raise LookupError(f"no package has the static file {name}")


def static_files() -> StaticFiles:
    """Return the application that serves static files."""
    return StaticFiles(packages=[(package, "static") for package in PACKAGES])
