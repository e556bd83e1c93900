"""Pages for people: templates rendered strictly, and the address of each static file with its version."""

from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

STATIC_PATH = "/static"


def build_templates() -> Environment:
    """Return the environment of all templates: everything is escaped, a missing name is an error."""
    environment = Environment(
        loader=PackageLoader("channels"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_url
    return environment


def static_url(name: str) -> str:
    """Return the address of a static file. It changes with the content, so browsers never show an old one."""
    content = files("channels").joinpath("static", name).read_bytes()
    return f"{STATIC_PATH}/{name}?v={sha256(content).hexdigest()[:12]}"


def static_files() -> StaticFiles:
    """Return the application that serves static files."""
    return StaticFiles(packages=[("channels", "static")])
