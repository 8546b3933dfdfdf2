"""Pure rules: which redirects are followed, and where to."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

MAX_REDIRECTS = 5
"""Redirects within the origin that one call follows."""

STATUSES = frozenset({301, 302, 303, 307, 308})
"""Answers that name another place (RFC 9110 section 15.4)."""

PORTS = {"https": 443, "http": 80}
"""The port of an origin that names none."""


class RedirectFault(Exception):
    """A redirect that is not followed; the message tells why, and names the host that it leads to."""


def follow(
    method: str, url: str, status: int, location: str | None, followed: int = 0
) -> str | None:
    """Say where a response sends a request.

    Args:
        method: The method of the request.
        url: Its URL.
        status: The status of the response.
        location: Its `Location` header, or `None`.
        followed: Redirects that the call has followed already.

    Returns:
        The URL to ask next; `None` if the response is no redirect.

    Raises:
        RedirectFault: It leads nowhere, out of the origin or in a circle, or the method is not to be sent again.

    Examples:
        >>> follow("GET", "https://api.example.com/v1/credits", 307, "/v2/credits")
        'https://api.example.com/v2/credits'
    """
    if status not in STATUSES:
        return None
    if not location or not location.isascii() or not location.isprintable():
        raise RedirectFault("it redirects without saying where to")
    try:
        target = urlsplit(urljoin(url, location))._replace(fragment="")
        place = origin_of(target.geturl())
        nowhere = bool(urlsplit(location).scheme and not urlsplit(location).netloc)
    except (ValueError, KeyError) as error:
        raise RedirectFault(
            f"it redirects to {_host(location)}, which is no http(s) URL"
        ) from error
    if nowhere:
        raise RedirectFault("it redirects without saying to which host")
    if place != origin_of(url):
        raise RedirectFault(
            f"it redirects to {place}, another origin, which credentials must not reach"
        )
    if method not in ("GET", "HEAD"):
        raise RedirectFault(f"it redirects to {place}, which is not followed for {method}")
    if followed == MAX_REDIRECTS:
        raise RedirectFault(f"it redirects to {place} once more, after {followed} redirects")
    return target.geturl()


def origin_of(url: str) -> str:
    """Write scheme, host and port of a URL in one way only (RFC 6454 section 4).

    Raises:
        KeyError: The scheme is neither `http` nor `https`.
        ValueError: The port is none.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS[parts.scheme]}"


def _host(location: str) -> str:
    """Name the host of a URL that is otherwise not usable."""
    try:
        return urlsplit(location).hostname or "somewhere"
    except ValueError:
        return "somewhere"
