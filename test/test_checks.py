"""What each setting can be: what is stored of it, and what is refused."""

import math
import os
import pathlib
import re
import ssl
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from at_client import ApiTypeError, ApiValueError, Configuration
from at_client.checks import CHECKS, PROXY_SCHEMES, is_loopback
from support.facts import PROXY_PASSWORD, TOKEN
from support.makers import MonkeyPatch

LABEL = "a" * 63
LONGEST_URL = f"https://{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"


def show(value: object) -> str:
    """Write a value for the id of a test, which must be the same in each process."""
    text = getattr(value, "__name__", ascii(value))
    return text.partition(" at 0x")[0][:40]


# ---- What is accepted

UNCHANGED: list[tuple[str, Any]] = [
    ("host", "HTTP://10.0.0.1:65535"),
    ("host", "https://[::1]:8443/x"),
    ("host", LONGEST_URL),
    ("access_token", TOKEN),
    ("access_token", len),
    ("retries", urllib3.Retry(3)),
    ("ssl_ca_cert", __file__),
    ("ca_cert_data", PEM),
    ("ssl_context", ssl.create_default_context()),
    ("assert_hostname", False),
    ("tls_server_name", "10.0.0.1"),
    ("proxy", "http://u:p%40@proxy:1"),
    ("proxy", "https://u:p[s]s@proxy"),
    ("no_proxy", "localhost, .a.example"),
    ("max_response_bytes", 1),
]

TIDIED: list[tuple[str, Any, Any]] = [
    ("host", "http://localhost/", "http://localhost"),
    ("access_token", "", None),
    ("timeout", 1, 1.0),
    ("timeout", (1, 2), (1.0, 2.0)),
    ("timeout", 1_000_000, math.inf),
    ("verify_ssl", "0", False),
    ("cert_file", pathlib.Path(__file__), __file__),
    ("key_file", "", None),
    ("ca_cert_data", b"\n" + PEM.encode(), "\n" + PEM),
    ("assert_hostname", True, None),
    ("proxy", "proxy:3128", "http://proxy:3128"),
    ("proxy", "socks://proxy", "socks5h://proxy"),
    ("proxy_headers", {"X-A": 1}, {"X-A": "1"}),
    ("socket_options", ([6, 1, 1],), [(6, 1, 1)]),
    ("socket_options", [(1, 2, None, 4)], [(1, 2, None, 4)]),
]

ACCEPTED = [(name, value, value) for name, value in UNCHANGED] + TIDIED


@pytest.mark.parametrize(("name", "value", "stored"), ACCEPTED, ids=show)
def test_a_setting_is_accepted(name: str, value: Any, stored: Any) -> None:
    """A value is stored as it is, or in the one form that the client reads."""
    configuration = Configuration()
    setattr(configuration, name, value)

    setting = getattr(configuration, name)
    assert setting == stored
    assert type(setting) is type(stored)


def test_a_path_in_the_home_of_the_user(monkeypatch: MonkeyPatch) -> None:
    """A tilde is the user's home, as in a shell."""
    folder, name = os.path.split(__file__)
    monkeypatch.setenv("HOME", folder)

    assert Configuration(ssl_ca_cert=f"~/{name}").ssl_ca_cert == __file__


# ---- What is refused

URL = "host must be a URL such as https://api.example.com"
VISIBLE = f"{URL}, of visible ASCII characters only (write other names in punycode)"
SCHEME = f"{URL}; the scheme must be https or http"
PLACE = "must be a host name, with a port from 1 to 65535 if any"
NAME = f"{URL}; what follows https:// {PLACE}"
BASE = (
    "host must not have a user name or a password (set access_token), query or fragment"
)
TOKEN_ALONE = (
    "access_token must be the token alone, without 'Bearer ' in front of it or quotes "
    "around it"
)
SECONDS = (
    "seconds above zero (math.inf for no limit), or a pair of them: (connect, read)"
)
NUMBER = "retries must be a whole number, False or a urllib3.Retry"
PROXY = "proxy must be a URL such as http://api.example.com"
OPTIONS = (
    "socket_options must be a list of (level, option, value) tuples, as "
    "socket.setsockopt takes them"
)

WRONG_VALUES: list[tuple[Any, str]] = [
    ("https://bücher.example", VISIBLE),
    ("https://a\r\nX-Evil: 1", VISIBLE),
    ("ftp://a.example", SCHEME),
    ("https://", NAME),
    (f"https://{LABEL}a.b", NAME),
    (f"{LONGEST_URL}a", NAME),
    ("https://a:65536", NAME),
    ("https://[::1", NAME),
    ("https://a#", BASE),
    (f"https://u:{PROXY_PASSWORD}@a", BASE),
    (f"bearer {TOKEN}", TOKEN_ALONE),
    (0, f"timeout must be {SECONDS}, not 0"),
    (math.nan, f"timeout must be {SECONDS}, not nan"),
    (-1, "retries must be 0 or more, not -1"),
    (0, "max_response_bytes must be 1 or more, not 0"),
    ("/", "cert_file must be a file that exists; there is none at '/'"),
    ("a b", "tls_server_name must be a host name, such as api.example.com"),
    (
        f"ftp://u:{PROXY_PASSWORD}@p",
        f"{PROXY}; the scheme must be {' or '.join(PROXY_SCHEMES)}",
    ),
    ([(1, 2)], OPTIONS),
]

WRONG_TYPES: list[tuple[Any, str]] = [
    (7, "host must be a URL, not int"),
    (7, "access_token must be a str or a callable, not int"),
    ("60", f"timeout must be {SECONDS}, not str"),
    ((1,), f"timeout must be {SECONDS}, not tuple"),
    ((1, None), f"timeout[1] (read) must be {SECONDS}, not NoneType"),
    ("2", f"{NUMBER}, not str"),
    (True, f"{NUMBER}, not bool"),
    (2, "verify_ssl must be True or False, not int"),
    (True, "ssl_context must be an ssl.SSLContext, not bool"),
    (["a"], "no_proxy must be hosts separated by commas, not list"),
    ("X: 1", "proxy_headers must be a mapping of headers, not str"),
    (1.5, "max_response_bytes must be a whole number, not float"),
]

REFUSED = [(ApiValueError, *row) for row in WRONG_VALUES]
REFUSED += [(ApiTypeError, *row) for row in WRONG_TYPES]


@pytest.mark.parametrize(("kind", "value", "says"), REFUSED, ids=show)
def test_a_setting_is_refused(kind: type[Exception], value: Any, says: str) -> None:
    """The error names setting and rule; what was there stays."""
    name = re.split(r"\W", says)[0]
    configuration = Configuration()
    with pytest.raises(kind) as caught:
        setattr(configuration, name, value)
    assert str(caught.value) == says
    assert vars(configuration) == vars(Configuration())


# ---- Rules that hold for any value

any_number = st.integers() | st.floats()
any_value = (
    st.text()
    | any_number
    | st.tuples(any_number, any_number)
    | st.booleans()
    | st.binary()
    | st.dictionaries(st.text(), st.text())
    | st.from_regex(r"(https?|socks5)://[a-z:@/?#\[\]%.0-9]*", fullmatch=True)
)


@given(st.sampled_from(sorted(CHECKS)), any_value)
def test_an_accepted_setting_can_be_read_back_and_set_again(
    name: str, value: Any
) -> None:
    """Any value is stored in a form that is itself accepted, or refused as ours."""
    try:
        stored = getattr(Configuration(**{name: value}), name)
    except (ApiTypeError, ApiValueError):
        return
    again = Configuration(**{name: stored})
    assert getattr(again, name) == stored


LOOPBACK = {
    "LOCALHOST.": True,
    "api.localhost": True,
    "127.8.9.10": True,
    "::1": True,
    "localhost.example.com": False,
    "127.0.0.1.example.com": False,
    "mylocalhost": False,
    "10.0.0.1": False,
    "::2": False,
}


@pytest.mark.parametrize("name", LOOPBACK)
def test_a_name_of_this_machine_leads_nowhere_else(name: str) -> None:
    """Such are loopback addresses and names under `localhost` (RFC 6761)."""
    assert is_loopback(name) == LOOPBACK[name]
