"""Pure rules of redirects: where each leads, and which are followed."""

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from at_client.redirects import Redirect, resolve_redirect

HOST = "https://api.example.com"
URL = f"{HOST}/v1/credits?key=hidden"


FOLLOWED = {
    "/v2": f"{HOST}/v2",
    "../v2?x=1": f"{HOST}/v2?x=1",
    "/v2#there": f"{HOST}/v2",
    "?x=1": f"{HOST}/v1/credits?x=1",
    f"{HOST}:443/v2": f"{HOST}:443/v2",
    "HTTPS://API.EXAMPLE.COM/v2": "https://API.EXAMPLE.COM/v2",
}
"""`Location` -> where it leads."""


@pytest.mark.parametrize("location", FOLLOWED)
def test_a_redirect_within_the_origin_is_followed(location: str) -> None:
    """Relative or absolute, the redirect leads to a URL without a fragment."""
    redirect = resolve_redirect("HEAD", URL, location, 4)
    assert redirect == Redirect(FOLLOWED[location], "")


def test_the_sixth_redirect_is_not_followed() -> None:
    """After five redirects the next one is an error."""
    redirect = resolve_redirect("GET", URL, "/v2", 5)
    problem = f"it redirects to {HOST}:443, once more, after 5 redirects"
    assert redirect == Redirect("", problem)


def test_only_reading_follows() -> None:
    """A request that writes is not sent to another place; the error says where."""
    redirect = resolve_redirect("POST", URL, "/v2", 0)
    problem = f"it redirects to {HOST}:443, which is not followed for POST"
    assert redirect == Redirect("", problem)


ELSEWHERE = {
    "https://evil.example/x?key=1": "https://evil.example:443",
    "http://api.example.com/v1": "http://api.example.com:80",
    f"{HOST}:8443/": f"{HOST}:8443",
    f"{HOST}@evil.example/": "https://evil.example:443",
}
"""`Location` -> the origin that the error names."""


@pytest.mark.parametrize("location", ELSEWHERE)
def test_a_redirect_to_another_origin_is_not_followed(location: str) -> None:
    """The error names scheme, host and port, and neither path nor query."""
    redirect = resolve_redirect("GET", URL, location, 0)
    reason = "a different origin, where credentials must not be sent"
    problem = f"it redirects to {ELSEWHERE[location]}, {reason}"
    assert redirect == Redirect("", problem)


NO_URLS = {
    "ftp://evil.example/": "evil.example",
    "https://u:p@api.example.com:99999/": "api.example.com:99999",
    "javascript:alert(1)": "somewhere",
}
"""`Location` -> what the error names."""


@pytest.mark.parametrize("location", NO_URLS)
def test_a_redirect_to_no_http_url_is_not_followed(location: str) -> None:
    """The error names the host, if there is one, and no password."""
    redirect = resolve_redirect("GET", URL, location, 0)
    problem = f"it redirects to {NO_URLS[location]}, which is not an http(s) URL"
    assert redirect == Redirect("", problem)


NOWHERE = [
    None,
    "",
    "/ä",
    "/a\nb",
    "https:/path",
    "https://",
    "https://[::1",
]


@pytest.mark.parametrize("location", NOWHERE, ids=ascii)
def test_a_redirect_that_leads_nowhere_is_not_followed(location: str | None) -> None:
    """A `Location` that cannot be joined to a URL is treated like none."""
    redirect = resolve_redirect("GET", URL, location, 0)
    assert redirect == Redirect("", "it redirects without saying where to")


@given(st.text() | st.text(":/?#[]@.abhtps", max_size=30))
def test_no_location_leads_out_of_the_origin(location: str) -> None:
    """Any text is followed within the origin, or not followed, with a reason."""
    redirect = resolve_redirect("GET", URL, location, 0)
    assert bool(redirect.url) is not bool(redirect.problem)
    if redirect.url:
        parts = urllib3.util.parse_url(redirect.url)
        assert parts.scheme == "https"
        assert parts.host == "api.example.com"
        assert parts.port in (None, 443)
