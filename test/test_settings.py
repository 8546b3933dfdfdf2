"""What each kind of setting may be, by tables of good and bad values."""

from __future__ import annotations

import math
import pathlib
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from at_client.fields import Headers
from at_client.sealed import Secret

from at_client import ApiTypeError, ApiValueError, PasswordGrant, settings
from support.facts import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL = "a" * 63
LONGEST = ".".join([LABEL] * 3 + ["a" * 61])
RETRY = urllib3.Retry(1)
CONTEXT = ssl.create_default_context()
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
FIRST_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
GRANT = PasswordGrant("token", "ada", "password")


def token() -> str:
    return TOKEN


@pytest.mark.parametrize(
    ("check", "given", "kept"),
    [
        (settings.host, "https://api.example.com", "https://api.example.com"),
        (settings.host, "https://api.example.com/", "https://api.example.com"),
        (settings.host, "https://api.example.com/a/b//", "https://api.example.com/a/b"),
        (settings.host, "http://localhost:8080", "http://localhost:8080"),
        (settings.host, "https://api.example.com:1", "https://api.example.com:1"),
        (settings.host, "https://api.example.com:65535/x", "https://api.example.com:65535/x"),
        (settings.host, "https://[::1]:8443/x", "https://[::1]:8443/x"),
        (settings.host, "http://10.0.0.1", "http://10.0.0.1"),
        (settings.host, "HTTPS://API.example.com", "HTTPS://API.example.com"),
        (settings.host, "https://api_v1.example.com.", "https://api_v1.example.com."),
        (settings.host, "https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        (settings.host, f"https://{LONGEST}", f"https://{LONGEST}"),
        (settings.timeout, 1, 1.0),
        (settings.timeout, 0.001, 0.001),
        (settings.timeout, math.inf, math.inf),
        (settings.timeout, 999_999, 999_999.0),
        (settings.timeout, 1_000_000, math.inf),
        pytest.param(settings.timeout, 10**400, math.inf, id="timeout-huge"),
        (settings.timeout, (1, 2.5), (1.0, 2.5)),
        (settings.timeout, [1, math.inf], (1.0, math.inf)),
        (settings.retries, 0, 0),
        (settings.retries, 7, 7),
        (settings.retries, RETRY, RETRY),
        (settings.positive, 1, 1),
        (settings.positive, 10**12, 10**12),
        (settings.flag, True, True),
        (settings.flag, False, False),
        (settings.readable_file, __file__, __file__),
        (settings.readable_file, pathlib.Path(__file__), __file__),
        (settings.certificates, FIRST_CERTIFICATE, FIRST_CERTIFICATE),
        (settings.certificates, FIRST_CERTIFICATE.encode(), FIRST_CERTIFICATE),
        (settings.certificates, b"\n" + FIRST_CERTIFICATE.encode(), "\n" + FIRST_CERTIFICATE),
        (settings.certificates, b"\x30\x82", b"\x30\x82"),
        (settings.tls_context, CONTEXT, CONTEXT),
        (settings.server_name, "api.example.com", "api.example.com"),
        (settings.server_name, "10.0.0.1", "10.0.0.1"),
        (settings.server_name, "::1", "::1"),
        (settings.asserted_name, "api.example.com", "api.example.com"),
        (settings.asserted_name, False, False),
        (settings.asserted_name, True, None),
        (settings.no_proxy, "", ""),
        (settings.no_proxy, "localhost, .example.com", "localhost, .example.com"),
        (settings.proxy, None, None),
        (settings.proxy, "", None),
        (settings.proxy, "http://proxy:3128", Secret("http://proxy:3128")),
        (settings.proxy, "https://u:p%40@proxy", Secret("https://u:p%40@proxy")),
        (settings.proxy, "proxy:3128", Secret("http://proxy:3128")),
        (settings.proxy, "u:p@proxy:3128", Secret("http://u:p@proxy:3128")),
        (settings.proxy, Secret("socks5h://proxy:1080"), Secret("socks5h://proxy:1080")),
        (settings.proxy, "socks4://proxy", Secret("socks4://proxy")),
        (settings.proxy, "socks4a://proxy", Secret("socks4a://proxy")),
        (settings.proxy, "socks5://proxy", Secret("socks5://proxy")),
        (settings.proxy_headers, {}, Headers()),
        (settings.proxy_headers, {"X-A": "1"}, Headers({"X-A": "1"})),
        (settings.socket_options, [], ()),
        (settings.socket_options, [NODELAY], (NODELAY,)),
        (settings.socket_options, (list(NODELAY), (1, 2, None, 4)), (NODELAY, (1, 2, None, 4))),
        (settings.access_token, None, None),
        (settings.access_token, "", None),
        (settings.access_token, TOKEN, Secret(TOKEN)),
        (settings.access_token, Secret(TOKEN), Secret(TOKEN)),
        (settings.access_token, token, token),
        (settings.access_token, GRANT, GRANT),
    ],
)
def test_good_values(check: Callable[[str, Any], Any], given: Any, kept: Any) -> None:
    """What is allowed is kept, brought into one form."""
    found = check("setting", given)
    assert found == kept
    assert type(found) is type(kept)


URL = "setting must be a URL such as https://api.example.com"
ASCII = f"{URL}, of visible ASCII characters only (write other names in punycode)"
PORT = f"{URL}, with a port from 1 to 65535 if any"
SCHEME = f"{URL}; the scheme must be https or http"
NO_HOST = f"{URL}; what follows https:// is not a host name"
ENDS = "setting must end with its path; a query or a fragment is not allowed"
SECONDS = "must be seconds above zero (math.inf for no limit), or a pair of them: (connect, read)"
OPTIONS = "setting must be a list of (level, option, value) tuples, as socket.setsockopt takes them"
PROXY = "setting must be a URL such as http://api.example.com"


@pytest.mark.parametrize(
    ("check", "given", "kind", "says"),
    [
        (settings.host, 7, ApiTypeError, "setting must be a str or None, not int"),
        (settings.host, b"https://x", ApiTypeError, "setting must be a str or None, not bytes"),
        (settings.host, "", ApiValueError, f"{URL}; the scheme must be https or http"),
        (settings.host, "https://bücher.example", ApiValueError, ASCII),
        (settings.host, "https://api.example.com\n", ApiValueError, ASCII),
        (settings.host, "https://api example.com", ApiValueError, ASCII),
        (settings.host, "api.example.com", ApiValueError, SCHEME),
        (settings.host, "localhost:8080", ApiValueError, SCHEME),
        (settings.host, "ftp://api.example.com", ApiValueError, SCHEME),
        (settings.host, "//api.example.com", ApiValueError, SCHEME),
        (settings.host, "https://", ApiValueError, NO_HOST),
        (settings.host, "https:///x", ApiValueError, NO_HOST),
        (settings.host, "https://a..b", ApiValueError, NO_HOST),
        (settings.host, "https://-a.example", ApiValueError, NO_HOST),
        (settings.host, "https://a-.example", ApiValueError, NO_HOST),
        (settings.host, f"https://{LABEL}a.example", ApiValueError, NO_HOST),
        (settings.host, f"https://{LONGEST}a", ApiValueError, NO_HOST),
        (settings.host, "https://a%20b", ApiValueError, NO_HOST),
        (settings.host, "https://api.example.com:0", ApiValueError, PORT),
        (settings.host, "https://api.example.com:65536", ApiValueError, PORT),
        (settings.host, "https://api.example.com:http", ApiValueError, PORT),
        (settings.host, "https://[::1", ApiValueError, PORT),
        (
            settings.host,
            "https://user:pass@api.example.com",
            ApiValueError,
            "setting must not carry a user name or a password; set access_token instead",
        ),
        (settings.host, "https://api.example.com?x=1", ApiValueError, ENDS),
        (settings.host, "https://api.example.com/#x", ApiValueError, ENDS),
        (settings.timeout, 0, ApiValueError, f"setting {SECONDS}; not 0"),
        (settings.timeout, -1.5, ApiValueError, f"setting {SECONDS}; not -1.5"),
        (settings.timeout, math.nan, ApiValueError, f"setting {SECONDS}; not nan"),
        (settings.timeout, -math.inf, ApiValueError, f"setting {SECONDS}; not -inf"),
        (settings.timeout, True, ApiTypeError, f"setting {SECONDS}; not bool"),
        (settings.timeout, "5", ApiTypeError, f"setting {SECONDS}; not str"),
        (settings.timeout, (1,), ApiTypeError, f"setting {SECONDS}; not tuple"),
        (settings.timeout, [1, 2, 3], ApiTypeError, f"setting {SECONDS}; not list"),
        (settings.timeout, (0, 1), ApiValueError, f"setting[0] (connect) {SECONDS}; not 0"),
        (settings.timeout, (1, None), ApiTypeError, f"setting[1] (read) {SECONDS}; not NoneType"),
        (settings.retries, -1, ApiValueError, "setting must be 0 or more, not -1"),
        *(
            (
                settings.retries,
                wrong,
                ApiTypeError,
                f"setting must be a whole number or a urllib3.Retry, not {type(wrong).__name__}",
            )
            for wrong in (True, 1.0, "2", [])
        ),
        (settings.positive, 0, ApiValueError, "setting must be 1 or more, not 0"),
        (settings.positive, True, ApiTypeError, "setting must be a whole number, not bool"),
        (settings.positive, 1.0, ApiTypeError, "setting must be a whole number, not float"),
        (settings.flag, 1, ApiTypeError, "setting must be True or False, not int"),
        (settings.flag, "yes", ApiTypeError, "setting must be True or False, not str"),
        (settings.readable_file, 7, ApiTypeError, "setting must be a path, not int"),
        (
            settings.readable_file,
            "/nowhere/ca.pem",
            ApiValueError,
            "setting must be a file that exists; there is none at '/nowhere/ca.pem'",
        ),
        (
            settings.readable_file,
            "/",
            ApiValueError,
            "setting must be a file that exists; there is none at '/'",
        ),
        (settings.certificates, 7, ApiTypeError, "setting must be PEM text or DER bytes, not int"),
        (
            settings.tls_context,
            True,
            ApiTypeError,
            "setting must be an ssl.SSLContext, not bool",
        ),
        (settings.server_name, 7, ApiTypeError, "setting must be a host name, not int"),
        (
            settings.server_name,
            "a b",
            ApiValueError,
            "setting must be a host name, such as api.example.com",
        ),
        (
            settings.asserted_name,
            "https://x",
            ApiValueError,
            "setting must be a host name, such as api.example.com",
        ),
        (settings.asserted_name, 7, ApiTypeError, "setting must be a host name, not int"),
        (
            settings.no_proxy,
            ["localhost"],
            ApiTypeError,
            "setting must be hosts separated by commas, not list",
        ),
        (settings.proxy, 7, ApiTypeError, "setting must be a str or None, not int"),
        (
            settings.proxy,
            "ftp://proxy",
            ApiValueError,
            f"{PROXY}; the scheme must be http or https or socks4 or socks4a or socks5 or socks5h",
        ),
        (
            settings.proxy,
            "http://proxy:99999",
            ApiValueError,
            f"{PROXY}, with a port from 1 to 65535 if any",
        ),
        (
            settings.proxy,
            "http://user:pass@",
            ApiValueError,
            f"{PROXY}; what follows http:// is not a host name",
        ),
        (
            settings.proxy_headers,
            [("X", "1")],
            ApiTypeError,
            "setting must be a mapping of header names to values, not list",
        ),
        (settings.socket_options, 7, ApiTypeError, f"{OPTIONS}; not int"),
        (settings.socket_options, [7], ApiValueError, OPTIONS),
        (settings.socket_options, [(1, 2)], ApiValueError, OPTIONS),
        (settings.socket_options, [(1, 2, 3, 4, 5)], ApiValueError, OPTIONS),
        (settings.access_token, 7, ApiTypeError, "setting must be a str or None, not int"),
    ],
)
def test_bad_values(check: Callable[[str, Any], Any], given: Any, kind: type[Exception], says: str) -> None:
    """An error names the setting and what is allowed."""
    with pytest.raises(kind, match=rf"^{re.escape(says)}$") as caught:
        check("setting", given)
    assert type(caught.value) is kind


@pytest.mark.parametrize("value", [f"{TOKEN}\n", f"{TOKEN}\x00", f" {TOKEN}", f"{TOKEN}ä"])
def test_a_token_that_no_header_may_carry(value: str) -> None:
    """The value is not shown."""
    with pytest.raises(ApiValueError, match=r"^setting has characters that no header") as caught:
        settings.access_token("setting", value)
    assert TOKEN not in str(caught.value)


def test_a_path_in_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A tilde is the user's home, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").touch()
    assert settings.readable_file("setting", "~/ca.pem") == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost.example.com", False),
        ("mylocalhost", False),
        ("10.0.0.1", False),
        ("192.0.2.1", False),
        ("::2", False),
        ("api.example.com", False),
        ("", False),
    ],
)
def test_which_names_mean_this_machine(name: str, here: bool) -> None:
    """Loopback addresses and `localhost`, with all names under it (RFC 6761)."""
    assert settings.is_loopback(name) is here


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example.com/", None),
        ("https://10.0.0.1:80/", None),
        ("http://localhost:8080/x", None),
        ("http://[::1]/", None),
        ("http://api.example.com/x", "api.example.com"),
        ("http://10.0.0.1:8080", "10.0.0.1"),
        ("http://localhost@api.example.com/", "api.example.com"),
    ],
)
def test_which_hosts_are_reached_unencrypted(url: str, host: str | None) -> None:
    """Plain http to another machine names the machine; everything else is safe."""
    assert settings.exposed_host(url) == host
