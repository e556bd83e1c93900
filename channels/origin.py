"""Where a form was sent from: other sites must not have a browser act in its owner's name."""

from urllib.parse import urlsplit

from starlette.requests import Request

from agent.errors import BadRequest


def require_same_origin(request: Request) -> None:
    """Refuse a form that another site had the browser send.

    Raises:
        BadRequest: with status 403, also when the browser says nothing about where the form came from.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "")
    is_ours = site == "same-origin" if site else bool(origin) and urlsplit(origin).netloc == request.headers.get("host")
    if not is_ours:
        raise BadRequest("This form may only be sent from the page it stands on.", status=403)
