"""Redirects by tables: which are followed, where to, and what is said of the others."""

from __future__ import annotations

import pytest
from at_client.redirects import MAX_REDIRECTS, STATUSES, RedirectFault, follow, origin_of
from hypothesis import given
from hypothesis import strategies as st

URL = "https://api.example.com/v1/credits?key=hidden"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v2", "https://api.example.com/v2"),
        ("other", "https://api.example.com/v1/other"),
        ("../v2?x=1", "https://api.example.com/v2?x=1"),
        ("?x=1", "https://api.example.com/v1/credits?x=1"),
        ("/v2#there", "https://api.example.com/v2"),
        ("https://api.example.com/v2", "https://api.example.com/v2"),
        ("https://api.example.com:443/v2", "https://api.example.com:443/v2"),
        ("HTTPS://API.EXAMPLE.COM/v2", "https://API.EXAMPLE.COM/v2"),
        ("//api.example.com/v2", "https://api.example.com/v2"),
    ],
)
def test_redirects_within_the_origin(status: int, method: str, location: str, target: str) -> None:
    """They are followed, relative or absolute, without the fragment."""
    assert follow(method, URL, status, location) == target


@pytest.mark.parametrize("status", [100, 200, 300, 304, 305, 306, 309, 400, 503])
def test_what_is_no_redirect(status: int) -> None:
    """Other statuses lead nowhere, whatever their headers say."""
    assert follow("GET", URL, status, "https://evil.example/") is None
    assert status not in STATUSES


ELSEWHERE = ", another origin, which credentials must not reach"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (None, "it redirects without saying where to"),
        ("", "it redirects without saying where to"),
        ("/ä", "it redirects without saying where to"),
        ("/a\nb", "it redirects without saying where to"),
        ("/a\x00b", "it redirects without saying where to"),
        ("https://evil.example/x?key=1", f"it redirects to https://evil.example:443{ELSEWHERE}"),
        ("//evil.example", f"it redirects to https://evil.example:443{ELSEWHERE}"),
        ("http://api.example.com/v1", f"it redirects to http://api.example.com:80{ELSEWHERE}"),
        (
            "https://api.example.com:8443/",
            f"it redirects to https://api.example.com:8443{ELSEWHERE}",
        ),
        (
            "https://api.example.com.evil.example/",
            f"it redirects to https://api.example.com.evil.example:443{ELSEWHERE}",
        ),
        (
            "https://api.example.com@evil.example/",
            f"it redirects to https://evil.example:443{ELSEWHERE}",
        ),
        ("ftp://evil.example/", "it redirects to evil.example, which is no http(s) URL"),
        ("javascript:alert(1)", "it redirects to somewhere, which is no http(s) URL"),
        ("data:text/html,x", "it redirects to somewhere, which is no http(s) URL"),
        ("https:/path", "it redirects without saying to which host"),
        ("https:path", "it redirects without saying to which host"),
        ("https://", "it redirects without saying to which host"),
        (
            "https://api.example.com:99999/",
            "it redirects to api.example.com, which is no http(s) URL",
        ),
        ("https://[::1", "it redirects to somewhere, which is no http(s) URL"),
    ],
)
def test_redirects_that_are_refused(location: str | None, says: str) -> None:
    """The fault names the host that it leads to, and no path, query or password."""
    with pytest.raises(RedirectFault) as caught:
        follow("GET", URL, 302, location)
    assert str(caught.value) == says


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_reading_follows(method: str) -> None:
    """A request that writes is not sent to another place; where it would go is said."""
    with pytest.raises(RedirectFault) as caught:
        follow(method, URL, 307, "/v2")
    assert str(caught.value) == (f"it redirects to https://api.example.com:443, which is not followed for {method}")


def test_a_circle_ends() -> None:
    """Five are followed, the sixth is too many."""
    assert MAX_REDIRECTS == 5
    assert [follow("GET", URL, 302, "/", n) for n in range(5)] == ["https://api.example.com/"] * 5
    with pytest.raises(RedirectFault) as caught:
        follow("GET", URL, 302, "/", 5)
    assert str(caught.value) == ("it redirects to https://api.example.com:443 once more, after 5 redirects")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example.com", "https://api.example.com:443"),
        ("https://api.example.com:443/x", "https://api.example.com:443"),
        ("HTTP://API.Example.com/x?y#z", "http://api.example.com:80"),
        ("http://user:pass@api.example.com:8080", "http://api.example.com:8080"),
        ("http://[::1]:80/", "http://::1:80"),
    ],
)
def test_an_origin_is_written_in_one_way(url: str, origin: str) -> None:
    """Scheme, host and port, whatever their case and however they are left out."""
    assert origin_of(url) == origin


@given(st.text() | st.text(":/?#[]@.abhtps", max_size=30))
def test_no_location_leads_out(location: str) -> None:
    """Whatever a server sends, it is followed within the origin or it is a fault."""
    try:
        target = follow("GET", URL, 302, location) or ""
    except RedirectFault:
        return
    assert origin_of(target) == "https://api.example.com:443"
