"""Pure rules of redirects: where each leads, and which are followed."""

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from at_client.redirects import Redirect, resolve_redirect

URL = "https://api.example.com/v1/credits?key=hidden"

FOLLOWED = {
    "/v2": "https://api.example.com/v2",
    "../v2?x=1": "https://api.example.com/v2?x=1",
    "/v2#there": "https://api.example.com/v2",
    "?x=1": "https://api.example.com/v1/credits?x=1",
    "https://api.example.com:443/v2": "https://api.example.com:443/v2",
    "HTTPS://API.EXAMPLE.COM/v2": "https://API.EXAMPLE.COM/v2",
}
"""`Location` -> where it leads."""


@pytest.mark.parametrize("location", FOLLOWED)
def test_a_redirect_within_the_origin_is_followed(location: str) -> None:
    """Relative or absolute, the redirect leads to a URL without a fragment."""
    redirect = resolve_redirect("HEAD", URL, location, 4)
    assert redirect == Redirect(FOLLOWED[location], "")


def test_only_reading_follows() -> None:
    """A request that writes is not sent to another place; the error says where."""
    redirect = resolve_redirect("POST", URL, "/v2", 0)
    problem = (
        "it redirects to https://api.example.com:443, which is not followed for POST"
    )
    assert redirect == Redirect("", problem)


OTHER_ORIGIN = "a different origin, where credentials must not be sent"
NO_URL = "which is not an http(s) URL"

REFUSED = {
    "https://evil.example/x?key=1": f"to https://evil.example:443, {OTHER_ORIGIN}",
    "http://api.example.com/v1": f"to http://api.example.com:80, {OTHER_ORIGIN}",
    "//api.example.com:8443/": f"to https://api.example.com:8443, {OTHER_ORIGIN}",
    "//api.example.com@evil.example/": f"to https://evil.example:443, {OTHER_ORIGIN}",
    "ftp://evil.example/": f"to evil.example, {NO_URL}",
    "https://u:p@api.example.com:99999/": f"to api.example.com:99999, {NO_URL}",
    "javascript:alert(1)": f"to somewhere, {NO_URL}",
    "": "without saying where to",
    "/ä": "without saying where to",
    "/a\nb": "without saying where to",
    "https:/path": "without saying where to",
    "https://[::1": "without saying where to",
}
"""`Location` -> what the error says."""


@pytest.mark.parametrize("location", REFUSED, ids=ascii)
def test_a_redirect_that_leads_away_is_not_followed(location: str) -> None:
    """The error names scheme, host and port, and no password, path or query."""
    redirect = resolve_redirect("GET", URL, location, 0)
    assert redirect == Redirect("", f"it redirects {REFUSED[location]}")


@given(st.text() | st.text(":/?#[]@.abhtps", max_size=30))
def test_no_location_leads_out_of_the_origin(location: str) -> None:
    """Any text is followed within the origin, or not followed, with a reason."""
    redirect = resolve_redirect("GET", URL, location, 0)
    assert bool(redirect.url) is not bool(redirect.problem)
    if redirect.url:
        parts = urllib3.util.parse_url(redirect.url)
        assert (parts.scheme, parts.host) == ("https", "api.example.com")
        assert parts.port in (None, 443)
