"""Which proxy stands before a host, by tables: variables, exceptions, and whose word counts."""

from __future__ import annotations

from typing import Any

import pytest
from at_client.proxies import environment_no_proxy, environment_proxy, needs_no_proxy
from at_client.routes import choose_proxy, open_route, split_url, transport_settings
from at_client.sealed import Secret
from hypothesis import given
from hypothesis import strategies as st

from at_client import ApiValueError, Configuration
from support.facts import PROXY_PASSWORD, secrets_in

ONE, TWO = "http://one:3128", "http://two:3128"


@pytest.mark.parametrize(
    ("environ", "scheme", "proxy"),
    [
        ({}, "https", None),
        ({"HTTPS_PROXY": ONE}, "https", ONE),
        ({"https_proxy": ONE}, "https", ONE),
        ({"https_proxy": ONE, "HTTPS_PROXY": TWO}, "https", ONE),
        ({"HTTP_PROXY": ONE}, "http", ONE),
        ({"http_proxy": ONE}, "http", ONE),
        ({"HTTP_PROXY": ONE}, "https", None),
        ({"HTTPS_PROXY": ONE}, "http", None),
        ({"ALL_PROXY": ONE}, "https", ONE),
        ({"all_proxy": ONE}, "http", ONE),
        ({"ALL_PROXY": ONE, "HTTPS_PROXY": TWO}, "https", TWO),
        ({"ALL_PROXY": ONE, "HTTPS_PROXY": TWO}, "http", ONE),
        ({"HTTPS_PROXY": ""}, "https", None),
        ({"https_proxy": "", "HTTPS_PROXY": TWO}, "https", None),
        ({"HTTPS_PROXY": "", "ALL_PROXY": ONE}, "https", ONE),
        # A web server makes HTTP_PROXY of a request header "Proxy" (CGI).
        ({"HTTP_PROXY": ONE, "REQUEST_METHOD": "GET"}, "http", None),
        ({"http_proxy": ONE, "REQUEST_METHOD": "GET"}, "http", ONE),
        ({"HTTP_PROXY": ONE, "ALL_PROXY": TWO, "REQUEST_METHOD": "GET"}, "http", TWO),
        ({"HTTPS_PROXY": ONE, "REQUEST_METHOD": "GET"}, "https", ONE),
    ],
)
def test_the_proxy_of_the_environment(environ: dict[str, str], scheme: str, proxy: str | None) -> None:
    """The scheme's own variable, then ALL_PROXY; small letters first; an empty one switches off."""
    assert environment_proxy(environ, scheme) == proxy


@pytest.mark.parametrize(
    ("environ", "hosts"),
    [
        ({}, ""),
        ({"NO_PROXY": "a"}, "a"),
        ({"no_proxy": "b"}, "b"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "b"),
        ({"NO_PROXY": "a", "no_proxy": ""}, ""),
    ],
)
def test_the_exceptions_of_the_environment(environ: dict[str, str], hosts: str) -> None:
    """Small letters first, even if empty."""
    assert environment_no_proxy(environ) == hosts


@pytest.mark.parametrize(
    ("host", "no_proxy", "directly"),
    [
        ("api.example.com", "", False),
        ("api.example.com", " , ,", False),
        ("api.example.com", "*", True),
        ("api.example.com", "localhost, *", True),
        ("api.example.com", "api.example.com", True),
        ("api.example.com", " API.Example.COM ", True),
        ("API.example.com.", "api.example.com", True),
        ("api.example.com", "api.example.com.", True),
        ("api.example.com", "example.com", True),
        ("api.example.com", ".example.com", True),
        ("api.example.com", "*.example.com", True),
        ("example.com", ".example.com", True),
        ("api.example.com", "com", True),
        ("api.example.com", "other.example.com", False),
        ("api.example.com", "pi.example.com", False),
        ("example.community", "example.com", False),
        ("notexample.com", "example.com", False),
        ("api.example.com", "www.api.example.com", False),
        ("api.example.com", "api.example.com:443", True),
        ("api.example.com", "api.example.com:8443", False),
        ("api.example.com", "example.com:443", True),
        ("api.example.com", ":443", False),
        ("api.example.com", "api.example.com:https", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:443", True),
        ("10.1.2.3", "10.1.2.3:80", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3/8", True),
        ("10.1.2.3", "11.0.0.0/8", False),
        ("10.1.2.3", "10.1.2", False),
        ("10.1.2.3", "2.3", True),
        ("110.1.2.3", "10.1.2.3", False),
        ("api.example.com", "10.0.0.0/8", False),
        ("::1", "::1", True),
        ("::1", "[::1]", True),
        ("::1", "[::1]:443", True),
        ("::1", "[::1]:80", False),
        ("fd00::5", "fd00::/8", True),
        ("fe00::5", "fd00::/16", False),
        ("0:0:0:0:0:0:0:1", "::1", True),
        ("10.1.2.3", "::/0", False),
    ],
)
def test_which_hosts_need_no_proxy(host: str, no_proxy: str, directly: bool) -> None:
    """Names with all names under them, addresses, networks, each with a port or without; `*` for all."""
    assert needs_no_proxy(host, 443, no_proxy) is directly


@given(st.text(max_size=30), st.sampled_from(["api.example.com", "10.0.0.1", "::1"]))
def test_any_list_of_exceptions_is_read(no_proxy: str, host: str) -> None:
    """Whatever the variable holds, there is an answer."""
    assert needs_no_proxy(host, 443, no_proxy) in (True, False)


@pytest.mark.parametrize(
    ("settings", "environ", "proxy"),
    [
        ({}, {}, None),
        ({"proxy": ONE}, {}, ONE),
        ({"proxy": ONE}, {"HTTPS_PROXY": TWO}, ONE),
        ({}, {"HTTPS_PROXY": TWO}, TWO),
        ({}, {"HTTPS_PROXY": "two:3128"}, TWO),
        ({}, {"HTTPS_PROXY": TWO, "NO_PROXY": "example.com"}, None),
        # NO_PROXY counts only for a proxy from the environment.
        ({"proxy": ONE}, {"NO_PROXY": "example.com"}, ONE),
        ({"proxy": ONE, "no_proxy": "example.com"}, {}, None),
        ({"proxy": ONE, "no_proxy": "example.org"}, {"NO_PROXY": "*"}, ONE),
        ({"no_proxy": "example.com"}, {"HTTPS_PROXY": TWO}, None),
        ({"no_proxy": "example.org"}, {"HTTPS_PROXY": TWO, "NO_PROXY": "*"}, TWO),
        ({"no_proxy": ""}, {"HTTPS_PROXY": TWO, "NO_PROXY": "*"}, TWO),
        ({"no_proxy": "*"}, {"HTTPS_PROXY": TWO}, None),
    ],
)
def test_whose_word_counts(
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    environ: dict[str, str],
    proxy: str | None,
) -> None:
    """What the configuration says goes before the environment, for the proxy and for its exceptions."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    chosen = transport_settings(Configuration(**settings))
    found = choose_proxy("https", "api.example.com", 443, chosen)
    assert found == (None if proxy is None else Secret(proxy))


def test_a_bad_proxy_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable it is, and not what is in it."""
    monkeypatch.setenv("ALL_PROXY", f"gopher://u:{PROXY_PASSWORD}@proxy")
    chosen = transport_settings(Configuration())
    with pytest.raises(ApiValueError, match=r"^https_proxy in the environment must be") as caught:
        choose_proxy("https", "api.example.com", 443, chosen)
    assert not secrets_in(str(caught.value))


@pytest.mark.parametrize(
    ("origin", "proxy", "absolute", "address", "shown"),
    [
        ("https://api.example.com", None, False, "api.example.com:443", None),
        ("http://api.example.com", None, False, "api.example.com:80", None),
        ("http://[::1]:8080", None, False, "::1:8080", None),
        ("http://api.example.com", ONE, True, "api.example.com:80", ONE),
        ("https://api.example.com", ONE, False, "api.example.com:443", ONE),
        ("https://api.example.com", "https://p:1", False, "api.example.com:443", "https://p:1"),
        (
            "http://api.example.com",
            f"http://u:{PROXY_PASSWORD}@one:3128",
            True,
            "api.example.com:80",
            ONE,
        ),
        ("http://api.example.com", "socks5://p:1", False, "api.example.com:80", "socks5://p:1"),
        (
            "https://api.example.com",
            f"socks5h://u:{PROXY_PASSWORD}@p:1",
            False,
            "api.example.com:443",
            "socks5h://p:1",
        ),
    ],
)
def test_the_way_to_an_origin(origin: str, proxy: str | None, absolute: bool, address: str, shown: str | None) -> None:
    """Whole URLs for a forwarding proxy only; errors may name host, port and proxy, but no password."""
    route = open_route(origin, transport_settings(Configuration(proxy=proxy)))
    assert route.absolute is absolute
    assert (route.peer.address, route.peer.proxy) == (address, shown)
    assert not secrets_in(repr(route.peer))
    assert route.pool.num_connections == 0
    route.pool.close()


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://api.example.com", "https://api.example.com", "/"),
        ("https://api.example.com/", "https://api.example.com", "/"),
        ("https://api.example.com/v1?x=1", "https://api.example.com", "/v1?x=1"),
        ("https://api.example.com?x=1", "https://api.example.com", "/?x=1"),
        ("http://api.example.com:80/v1#x", "http://api.example.com:80", "/v1"),
        ("HTTP://[::1]:80/v1", "HTTP://[::1]:80", "/v1"),
        ("https://api.example.com//v1/../v2", "https://api.example.com", "//v1/../v2"),
    ],
)
def test_a_url_is_split(url: str, origin: str, target: str) -> None:
    """Into what is connected to and what is asked for, nothing of it changed."""
    assert split_url(url) == (origin, target)


@pytest.mark.parametrize("url", ["", "/v1", "api.example.com", "ftp://x", "https://", "https:///x"])
def test_a_url_that_is_none(url: str) -> None:
    """It is refused by its kind."""
    with pytest.raises(ApiValueError, match=r"^url must be an absolute http or https URL$"):
        split_url(url)
