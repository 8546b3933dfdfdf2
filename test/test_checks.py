"""What each setting may be, by tables of good and bad values."""

from __future__ import annotations

import math
import pathlib
import re
import socket
import ssl
from typing import Any

import pytest
import urllib3

from at_client import ApiTypeError, ApiValueError, PasswordGrant
from at_client.checks import CHECKS, check_file, check_url, is_host_name, is_loopback
from support.facts import PROXY_PASSWORD, TOKEN, secrets_in

LABEL = "a" * 63
LONGEST = ".".join([LABEL] * 3 + ["a" * 61])
RETRY = urllib3.Retry(1)
CONTEXT = ssl.create_default_context()
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
GRANT = PasswordGrant("token", "ada", "password")

GOOD: dict[str, list[tuple[Any, Any]]] = {
    "host": [
        *((f"https://{host}", f"https://{host}") for host in ("a.example", "a.example:1", LONGEST)),
        ("https://api.example.com/a/b//", "https://api.example.com/a/b"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        ("HTTP://10.0.0.1:65535", "HTTP://10.0.0.1:65535"),
        ("https://api_v1.example.com.", "https://api_v1.example.com."),
    ],
    "access_token": [(TOKEN, TOKEN), (len, len), (GRANT, GRANT)],
    "timeout": [
        *((1, 1.0), (0.001, 0.001), (math.inf, math.inf), (999_999, 999_999.0)),
        *((1_000_000, math.inf), (10**400, math.inf), ((1, 2.5), (1.0, 2.5))),
        ([1, math.inf], (1.0, math.inf)),
    ],
    "retries": [(0, 0), (7, 7), (False, 0), (RETRY, RETRY)],
    "verify_ssl": [(True, True), (0, False), ("1", True), ("0", False)],
    "ssl_ca_cert": [(__file__, __file__), (pathlib.Path(__file__), __file__)],
    "ca_cert_data": [(PEM, PEM), (PEM.encode(), PEM), (b"\n" + PEM.encode(), "\n" + PEM), (b"0", b"0")],
    "ssl_context": [(CONTEXT, CONTEXT)],
    "assert_hostname": [("a.example", "a.example"), (False, False), (True, None)],
    "tls_server_name": [("a.example", "a.example"), ("10.0.0.1", "10.0.0.1"), ("::1", "::1")],
    "connection_pool_maxsize": [(1, 1), (10**12, 10**12)],
    "proxy": [
        *((url, url) for url in ("http://proxy:3128", "https://u:p%40@proxy", "socks5h://proxy")),
        *((url, url) for url in ("socks4://proxy", "socks4a://proxy", "socks5://u:p@proxy:1")),
        ("u:p@proxy:3128", "http://u:p@proxy:3128"),
    ],
    "no_proxy": [("localhost, .example.com", "localhost, .example.com")],
    "proxy_headers": [({}, {}), ({"X-A": 1}, {"X-A": "1"})],
    "socket_options": [([], ()), ([list(NODELAY), (1, 2, None, 4)], (NODELAY, (1, 2, None, 4)))],
}


@pytest.mark.parametrize("name", GOOD)
def test_good_values(name: str) -> None:
    """What is allowed is stored in one form."""
    for given, kept in GOOD[name]:
        found = CHECKS[name](name, given)
        assert (found, type(found)) == (kept, type(kept)), given


URL = "host must be a URL such as https://api.example.com"
ASCII = f"{URL}, of visible ASCII characters only (write other names in punycode)"
PORT = f"{URL}, with a port from 1 to 65535 if any"
SCHEME = f"{URL}; the scheme must be https or http"
NO_HOST = f"{URL}; what follows https:// is not a host name"
ENDS = "host must end with its path; a query or a fragment is not allowed"
SECONDS = "must be seconds above zero (math.inf for no limit), or a pair of them: (connect, read)"
OPTIONS = "socket_options must be a list of (level, option, value) tuples, as socket.setsockopt takes them"
PROXY = "proxy must be a URL such as http://api.example.com"
NAME = "tls_server_name must be a host name, such as api.example.com"
WHOLE = "retries must be a whole number, False or a urllib3.Retry"

WRONG_VALUES: dict[str, tuple[str, list[Any]]] = {
    ASCII: ("host", ["https://bücher.example", "https://a.example\n", "https://a example"]),
    SCHEME: ("host", ["", "api.example.com", "localhost:8080", "ftp://a.example", "//a.example"]),
    NO_HOST: ("host", ["https://", "https:///x", "https://a..b", "https://-a.b", f"https://{LONGEST}a"]),
    PORT: ("host", ["https://a:0", "https://a:65536", "https://a:http", "https://[::1"]),
    ENDS: ("host", ["https://a?x=1", "https://a/#x"]),
    "host must not hold a user name or a password; set access_token instead": ("host", ["https://u:p@a"]),
    "access_token must be the token alone, without 'Bearer ' in front of it": (
        "access_token",
        [f"Bearer {TOKEN}", f"bearer {TOKEN}"],
    ),
    "access_token must be the token alone, without quotes around it": ("access_token", [f"'{TOKEN}'", f'"{TOKEN}"']),
    f"timeout {SECONDS}; not 0": ("timeout", [0]),
    f"timeout {SECONDS}; not -1.5": ("timeout", [-1.5]),
    f"timeout {SECONDS}; not nan": ("timeout", [math.nan]),
    f"timeout[0] (connect) {SECONDS}; not 0": ("timeout", [(0, 1)]),
    "retries must be 0 or more, not -1": ("retries", [-1]),
    "max_response_bytes must be 1 or more, not 0": ("max_response_bytes", [0]),
    "cert_file must be a file that exists; there is none at '/'": ("cert_file", ["/"]),
    NAME: ("tls_server_name", ["a b", "https://x", ""]),
    f"{PROXY}; the scheme must be http or https or socks4 or socks4a or socks5 or socks5h": (
        "proxy",
        ["ftp://proxy", f"gopher://u:{PROXY_PASSWORD}@proxy"],
    ),
    f"{PROXY}, with a port from 1 to 65535 if any": ("proxy", ["http://proxy:99999"]),
    f"{PROXY}; what follows http:// is not a host name": ("proxy", [f"http://u:{PROXY_PASSWORD}@"]),
    OPTIONS: ("socket_options", [[7], [(1, 2)], [(1, 2, 3, 4, 5)]]),
    "'bad name' is not a header name (RFC 9110 section 5.6.2)": ("proxy_headers", [{"bad name": "x"}]),
}


@pytest.mark.parametrize("says", WRONG_VALUES)
def test_values_that_are_not_allowed(says: str) -> None:
    """An error names the setting and what is allowed, and no secret."""
    name, values = WRONG_VALUES[says]
    for value in values:
        with pytest.raises(ApiValueError) as caught:
            CHECKS[name](name, value)
        assert str(caught.value) == says
        assert not secrets_in(str(caught.value))


WRONG_TYPES = [
    ("host", 7, "host must be a URL, not int"),
    ("access_token", 7, "access_token must be a str, a callable or a PasswordGrant, not int"),
    ("timeout", True, f"timeout {SECONDS}; not bool"),
    ("timeout", "5", f"timeout {SECONDS}; not str"),
    ("timeout", (1,), f"timeout {SECONDS}; not tuple"),
    ("timeout", (1, None), f"timeout[1] (read) {SECONDS}; not NoneType"),
    *(("retries", wrong, f"{WHOLE}, not {type(wrong).__name__}") for wrong in (True, 1.0, "2", [])),
    ("max_response_bytes", True, "max_response_bytes must be a whole number, not bool"),
    ("max_response_bytes", 1.5, "max_response_bytes must be a whole number, not float"),
    ("debug", "yes", "debug must be True or False, not str"),
    ("debug", 2, "debug must be True or False, not int"),
    ("ssl_ca_cert", 7, "ssl_ca_cert must be a path, not int"),
    ("ca_cert_data", 7, "ca_cert_data must be PEM text or DER bytes, not int"),
    ("ssl_context", True, "ssl_context must be an ssl.SSLContext, not bool"),
    ("tls_server_name", 7, "tls_server_name must be a host name, not int"),
    ("assert_hostname", 7, "assert_hostname must be a host name, not int"),
    ("proxy", 7, "proxy must be a URL, not int"),
    ("no_proxy", ["a"], "no_proxy must be hosts separated by commas, not list"),
    ("proxy_headers", "X: 1", "proxy_headers must be a mapping of header names to values, not str"),
    ("socket_options", "x", f"{OPTIONS}, not str"),
]


@pytest.mark.parametrize(("name", "value", "says"), WRONG_TYPES)
def test_values_of_the_wrong_type(name: str, value: Any, says: str) -> None:
    """An error names the setting, what is allowed, and the type that came."""
    with pytest.raises(ApiTypeError, match=rf"^{re.escape(says)}$"):
        CHECKS[name](name, value)


@pytest.mark.parametrize("value", [f"{TOKEN}\n", f"{TOKEN}\x00", f" {TOKEN}", f"{TOKEN}ä"])
def test_a_token_that_no_header_may_carry(value: str) -> None:
    """The value is not shown."""
    with pytest.raises(ApiValueError, match=r"^access_token has characters that no header") as caught:
        CHECKS["access_token"]("access_token", value)
    assert not secrets_in(str(caught.value))


def test_a_path_in_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A tilde is the user's home, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").touch()
    assert check_file("setting", "~/ca.pem") == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("here", "names"),
    [
        (True, ["localhost", "LOCALHOST.", "api.localhost", "127.0.0.1", "127.8.9.10", "::1"]),
        (False, ["localhost.example.com", "mylocalhost", "10.0.0.1", "192.0.2.1", "::2", ""]),
    ],
)
def test_which_names_mean_this_machine(here: bool, names: list[str]) -> None:
    """Loopback addresses and `localhost`, with all names under it (RFC 6761)."""
    assert {name: is_loopback(name) for name in names} == dict.fromkeys(names, here)


def test_host_names_and_urls() -> None:
    """A zone may follow an IPv6 address; a URL comes apart without its credentials."""
    assert [is_host_name(name) for name in ("fe80::1%eth0", "a_b.c", "a b", f"{LABEL}a")] == [True, True, False, False]
    parts = check_url("url", "https://u:p@a.example:8443/x?y", ("https",))
    assert (parts.hostname, parts.port, parts.username) == ("a.example", 8443, None)
