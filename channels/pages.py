"""Pages for people: templates rendered strictly, and static files under the version of all of them."""

import os
from functools import cache
from hashlib import sha256
from importlib.resources import as_file, files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC_PATH = "/static"
PACKAGES = ("channels", "django_htmx")
"""Whose `static` folders are served: ours, and that of the package which carries htmx."""
FOREVER = "public, max-age=31536000, immutable"
"""A year, the longest that means anything (RFC 9111); `immutable`: not asked for on reload either (RFC 8246)."""


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
def static_version() -> str:
    """Return what names the static files as they are: it changes with the content of any."""
    digest = sha256()
    for folder in (files(package).joinpath("static") for package in PACKAGES):
        with as_file(folder) as root:
            for path in sorted(each for each in root.rglob("*") if each.is_file()):
                digest.update(f"{path.relative_to(root)}\0".encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


@cache
def static_url(name: str) -> str:
    """Return the address of a static file. Its folder is the version of all, so what modules import has it too.

    Raises:
        LookupError: there is no such file.
    """
    if not any(files(package).joinpath("static", name).is_file() for package in PACKAGES):
        raise LookupError(f"no package has the static file {name}")
    return f"{STATIC_PATH}/{static_version()}/{name}"


class VersionedFiles(StaticFiles):
    """Serves static files from the folder of their version, which browsers keep without asking again.

    Under another version, as pages from before an upgrade have, the files of now are served and not kept.
    """

    def __init__(self) -> None:
        super().__init__(packages=[(package, "static") for package in PACKAGES])

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer a request for `version/name`."""
        version, _, name = path.partition(os.sep)
        response = await super().get_response(name, scope)
        response.headers["cache-control"] = FOREVER if version == static_version() else "no-cache"
        return response
