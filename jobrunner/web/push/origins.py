"""Whose pages may use the connection: ours, those of the application, and those that a setting names."""

from collections.abc import Sequence

from starlette.requests import HTTPConnection

from jobrunner.errors import InvalidInput
from jobrunner.services.popups.settings import check_origin


def site_origin(site_url: str) -> str | None:
    """Return the origin of the application's address."""
    try:
        return check_origin("/".join(site_url.split("/")[:3]))
    except InvalidInput:
        return None


def is_allowed(request: HTTPConnection, allowed: Sequence[str]) -> bool:
    """Whether a page of that origin may ask. What is no page of a browser names none: the token decides alone.

    The token is what protects; this keeps pages of strangers from even trying.
    """
    origin = request.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    host = request.headers.get("host", "")
    return origin in (f"http://{host}", f"https://{host}")


def cors_headers(request: HTTPConnection) -> dict[str, str]:
    """Return what lets a page of an allowed origin read the answer."""
    origin = request.headers.get("origin")
    if origin is None:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Max-Age": "600",
    }
