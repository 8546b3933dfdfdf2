"""Origins and proxies by tables: how a URL is split, and which proxy stands before a host."""

from __future__ import annotations

from typing import Any

import pytest

from at_client import ApiTypeError, ApiValueError, Configuration
from at_client.pools import PoolManager, choose_proxy, split_origin, split_proxy
from support.facts import PROXY_PASSWORD, secrets_in

ONE, TWO = "http://one:3128", "http://two:3128"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        *((f"https://a.example{rest}", "https://a.example") for rest in ("", "/", "/v1?x=1", "?x=1", "#x")),
        ("http://a.example:80//v1/../v2", "http://a.example:80"),
        ("HTTP://[::1]:80/v1", "HTTP://[::1]:80"),
    ],
)
def test_the_origin_of_a_url(url: str, origin: str) -> None:
    """Scheme, host and port, as they are written."""
    assert split_origin(url) == origin


def test_a_url_that_is_none() -> None:
    """Only an absolute http or https URL leads anywhere."""
    for url in ("", "/v1", "api.example.com", "ftp://x", "https://", "https:///x"):
        with pytest.raises(ApiValueError, match=r"^url must be an absolute http or https URL$"):
            split_origin(url)
    with pytest.raises(ApiTypeError, match=r"^url must be a str, not int$"):
        split_origin(7)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (ONE, (ONE, None, None)),
        ("http://u@one:3128", (ONE, "u", None)),
        ("http://u:p%40%3A@one:3128", (ONE, "u", "p@:")),
        ("socks5h://u:p@[::1]:1080", ("socks5h://[::1]:1080", "u", "p")),
    ],
)
def test_the_credentials_of_a_proxy(url: str, parts: tuple[Any, ...]) -> None:
    """They are taken out of the URL and decoded."""
    assert split_proxy(url) == parts


@pytest.mark.parametrize(
    ("settings", "environ", "proxy"),
    [
        ({}, {}, ""),
        *(({}, {name: ONE}, ONE) for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")),
        *(({}, {name: ONE}, "") for name in ("http_proxy", "HTTP_PROXY", "NO_PROXY")),
        ({}, {"HTTPS_PROXY": "one:3128"}, ONE),
        ({}, {"https_proxy": ONE, "HTTPS_PROXY": TWO}, ONE),
        ({}, {"https_proxy": "", "HTTPS_PROXY": TWO}, ""),
        ({}, {"ALL_PROXY": ONE, "HTTPS_PROXY": TWO}, TWO),
        ({"proxy": ONE}, {"HTTPS_PROXY": TWO}, ONE),
        # NO_PROXY counts only for a proxy from the environment.
        ({}, {"HTTPS_PROXY": TWO, "NO_PROXY": "example.com"}, ""),
        ({"proxy": ONE}, {"NO_PROXY": "*"}, ONE),
        ({"proxy": ONE, "no_proxy": "example.com"}, {}, ""),
        ({"proxy": ONE, "no_proxy": "example.org"}, {"NO_PROXY": "*"}, ONE),
        ({"no_proxy": "example.com"}, {"HTTPS_PROXY": TWO}, ""),
        ({"no_proxy": "example.org"}, {"HTTPS_PROXY": TWO, "NO_PROXY": "*"}, TWO),
        ({"no_proxy": ""}, {"HTTPS_PROXY": TWO, "NO_PROXY": "*"}, TWO),
    ],
)
def test_which_proxy_counts(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], environ: dict[str, str], proxy: str
) -> None:
    """The configuration takes precedence; the environment is read as `urllib.request` reads it."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert choose_proxy("https", "api.example.com", 443, Configuration(**settings)) == proxy


@pytest.mark.parametrize(
    ("directly", "no_proxy"),
    [
        (True, ["*", "localhost, api.example.com", " API.Example.COM ", "example.com", ".example.com"]),
        (True, ["com", "api.example.com:443"]),
        (False, [" , ,", "other.example.com", "pi.example.com", "www.api.example.com"]),
        (False, ["api.example.com:8443", "10.0.0.0/8"]),
    ],
)
def test_which_hosts_need_no_proxy(directly: bool, no_proxy: list[str]) -> None:
    """Names with all names under them, with a port or without; `*` for all."""
    for hosts in no_proxy:
        configuration = Configuration(proxy=ONE, no_proxy=hosts)
        found = choose_proxy("https", "api.example.com", 443, configuration)
        assert found == ("" if directly else ONE), hosts


def test_a_web_server_does_not_name_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a CGI script, HTTP_PROXY is made of a request header, so it does not count."""
    monkeypatch.setenv("HTTP_PROXY", ONE)
    assert choose_proxy("http", "api.example.com", 80, Configuration()) == ONE
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert choose_proxy("http", "api.example.com", 80, Configuration()) == ""


def test_a_bad_proxy_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable it is, and not what is in it."""
    monkeypatch.setenv("ALL_PROXY", f"gopher://u:{PROXY_PASSWORD}@proxy")
    with pytest.raises(ApiValueError, match=r"^https_proxy in the environment must be") as caught:
        choose_proxy("https", "api.example.com", 443, Configuration())
    assert not secrets_in(str(caught.value))


LOCKED = f"http://u:{PROXY_PASSWORD}@one:3128"


@pytest.mark.parametrize(
    ("origin", "proxy", "absolute", "address", "shown", "exposed"),
    [
        ("https://a.example", None, False, "a.example:443", None, None),
        ("http://a.example", None, False, "a.example:80", None, "a.example"),
        ("http://localhost:8080", None, False, "localhost:8080", None, None),
        ("http://[::1]:8080", None, False, "::1:8080", None, None),
        ("http://a.example", LOCKED, True, "a.example:80", ONE, "a.example"),
        ("https://a.example", LOCKED, False, "a.example:443", ONE, None),
        ("https://a.example", "https://p:1", False, "a.example:443", "https://p:1", None),
        ("http://a.example", "socks5://p:1", False, "a.example:80", "socks5://p:1", "a.example"),
    ],
)
def test_the_way_to_an_origin(
    origin: str, proxy: str | None, absolute: bool, address: str, shown: str | None, exposed: str | None
) -> None:
    """Whole URLs for a forwarding proxy only; errors may name host, port and proxy, but no password."""
    manager = PoolManager(Configuration(proxy=proxy))
    route = manager.route_for(origin)
    assert manager.route_for(origin) is route
    assert (route.absolute, route.exposed) == (absolute, exposed)
    assert (route.peer.address, route.peer.proxy) == (address, shown)
    assert not secrets_in(repr(route.peer))
    assert route.pool.num_connections == 0
    route.pool.close()
    manager.clear()
    assert manager.route_for(origin) is not route
