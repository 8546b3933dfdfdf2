"""Pure rules: where a redirect leads, and whether it is followed."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})  # RFC 9110 section 15.4
MAX_REDIRECTS = 5  # within the origin, for one call
SAFE_METHODS = ("GET", "HEAD")  # others are not sent twice

PORTS = {"https": 443, "http": 80}  # of an origin that names none

_HOSTLESS = re.compile(r"(?i)https?:(?!//[^/?#])")  # urljoin() takes it for a path


class Redirect(NamedTuple):
    """Where a redirect leads."""

    url: str
    """The absolute URL; "" if it is not followed."""

    problem: str
    """Why it is not followed; "" if it is."""


def resolve_redirect(
    method: str, url: str, location: str | None, redirects: int
) -> Redirect:
    """Decide about a redirect.

    Args:
        method: The method of the request, before any redirect.
        url: The URL that redirects.
        location: Its `Location` header.
        redirects: How many have been followed in this call.

    Examples:
        >>> resolve_redirect("GET", "https://a.example/v1/credits", "/v2/credits", 0)
        Redirect(url='https://a.example/v2/credits', problem='')
        >>> resolve_redirect("POST", "https://a.example/v1", "/v2", 0).problem
        'it redirects to https://a.example:443, which is not followed for POST'
    """
    if not location or not is_target(location):
        return Redirect("", "it redirects without saying where to")

    try:
        target = urlsplit(urljoin(url, location))._replace(fragment="")
        place = normalize_origin(target)
    except (ValueError, KeyError):
        host = location.partition("://")[2].partition("/")[0].rpartition("@")[2]
        where = host or "somewhere"
        return Redirect("", f"it redirects to {where}, which is not an http(s) URL")

    problem = ""
    if place != normalize_origin(urlsplit(url)):
        problem = "a different origin, where credentials must not be sent"
    elif method not in SAFE_METHODS:
        problem = f"which is not followed for {method}"
    elif redirects >= MAX_REDIRECTS:
        problem = f"once more, after {redirects} redirects"
    if problem:
        return Redirect("", f"it redirects to {place}, {problem}")
    return Redirect(target.geturl(), "")


def is_target(location: str) -> bool:
    """Return whether a `Location` header can be joined to a URL."""
    if not location.isascii() or not location.isprintable():
        return False
    if _HOSTLESS.match(location):
        return False
    try:
        urlsplit(location)
    except ValueError:
        return False
    return True


def normalize_origin(parts: SplitResult) -> str:
    """Write scheme, host and port in one way only (RFC 6454 section 4)."""
    port = parts.port or PORTS[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"
