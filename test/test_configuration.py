"""Configuration: what each setting is and may be, now and later; its secrets stay sealed; it copies and pickles."""

import copy
import inspect
import math
import pathlib
import pickle
import re
import socket
import ssl
import sys
import typing
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import urllib3

import at_client
from at_client import (
    ApiAttributeError,
    ApiTypeError,
    ApiValueError,
    Configuration,
    PasswordGrant,
)
from at_client.checks import is_loopback
from support.facts import PROXY_PASSWORD, TOKEN, secrets_in
from support.makers import MonkeyPatch

GRANT = PasswordGrant("token", "ada", TOKEN)
RETRY = urllib3.Retry(3)
CONTEXT = ssl.create_default_context()
LABEL = "a" * 63
LONGEST_URL = f"https://{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"
PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

Values = list[tuple[Any, Any]]
"""Values that a setting takes, each with what is kept of it."""

HOSTS: Values = [
    ("http://localhost/", "http://localhost"),
    ("https://api.example.com/a/b//", "https://api.example.com/a/b"),
    *(
        (url, url)
        for url in (
            "https://a.example",
            "https://a.example:1",
            "HTTP://10.0.0.1:65535",
            LONGEST_URL,
        )
    ),
    *(
        (url, url)
        for url in (
            "https://[::1]:8443/x",
            "https://[fe80::1%eth0]",
            "https://api_v1.example.com.",
        )
    ),
]
TIMES: Values = [
    *(
        ((1, 2), (1.0, 2.0)),
        ([1, math.inf], (1.0, math.inf)),
        (1, 1.0),
        (0.001, 0.001),
        (math.inf, math.inf),
    ),
    *((999_999, 999_999.0), (1_000_000, math.inf), (10**400, math.inf)),
]
FLAGS: Values = [
    (True, True),
    (False, False),
    (1, True),
    (0, False),
    ("1", True),
    ("0", False),
]
FILES: Values = [(__file__, __file__), (pathlib.Path(__file__), __file__)]
CERTIFICATES: Values = [
    (PEM.encode(), PEM),
    (PEM, PEM),
    (b"\n" + PEM.encode(), "\n" + PEM),
    (b"0", b"0"),
]
PROXIES: Values = [
    *(
        (f"{scheme}://u:p%40@proxy:1", f"{scheme}://u:p%40@proxy:1")
        for scheme in PROXY_SCHEMES
    ),
    *(("http://proxy", "http://proxy"), ("u:p@proxy:3128", "http://u:p@proxy:3128")),
]
HEADERS: Values = [
    ({"X-Key": TOKEN}, {"X-Key": TOKEN}),
    ({}, {}),
    ({"X-A": 1}, {"X-A": "1"}),
]
OPTIONS: Values = [
    ([NODELAY], (NODELAY,)),
    ([], ()),
    ([list(NODELAY), (1, 2, None, 4)], (NODELAY, (1, 2, None, 4))),
]

SECONDS = "seconds above zero (math.inf for no limit), or a pair of them: (connect, read), not"
NUMBER = "a whole number, False or a urllib3.Retry"
TUPLES = "a list of (level, option, value) tuples, as socket.setsockopt takes them"

TABLE: dict[str, tuple[Any, Values, Any, str]] = {
    # Setting -> default, what it takes, a value of the wrong type, what it must be.
    "host": ("https://api.agenttoolkit.ai", HOSTS, 7, "a URL, not int"),
    "access_token": (
        None,
        [(x, x) for x in (TOKEN, len, GRANT)],
        7,
        "a str, a callable or a PasswordGrant, not int",
    ),
    "timeout": (60.0, TIMES, "60", f"{SECONDS} str"),
    "retries": (
        2,
        [(RETRY, RETRY), (0, 0), (7, 7), (False, 0)],
        "2",
        f"{NUMBER}, not str",
    ),
    "verify_ssl": (True, FLAGS, 2, "True or False, not int"),
    "ssl_ca_cert": (None, FILES, 7, "a path, not int"),
    "ca_cert_data": (None, CERTIFICATES, 7, "PEM text or DER bytes, not int"),
    "cert_file": (None, FILES, 7, "a path, not int"),
    "key_file": (None, FILES, 7, "a path, not int"),
    "ssl_context": (None, [(CONTEXT, CONTEXT)], True, "an ssl.SSLContext, not bool"),
    "assert_hostname": (
        None,
        [(False, False), ("a.example", "a.example"), (True, None)],
        7,
        "a host name, not int",
    ),
    "tls_server_name": (
        None,
        [(x, x) for x in ("a.example", "10.0.0.1", "::1")],
        7,
        "a host name, not int",
    ),
    "connection_pool_maxsize": (
        100,
        [(7, 7), (1, 1), (10**12, 10**12)],
        "7",
        "a whole number, not str",
    ),
    "proxy": (None, PROXIES, 7, "a URL, not int"),
    "no_proxy": (
        None,
        [("localhost, .a.example",) * 2],
        ["a"],
        "hosts separated by commas, not list",
    ),
    "proxy_headers": (None, HEADERS, "X: 1", "a mapping of headers, not str"),
    "socket_options": (None, OPTIONS, "x", f"{TUPLES}, not str"),
    "allow_insecure_http": (False, FLAGS, "no", "True or False, not str"),
    "max_response_bytes": (
        10 * 1024 * 1024,
        [(1000, 1000)],
        1.5,
        "a whole number, not float",
    ),
    "debug": (False, FLAGS, "yes", "True or False, not str"),
}
DEFAULTS = {name: row[0] for name, row in TABLE.items()}


@pytest.fixture(autouse=True)
def _no_default() -> Iterator[None]:
    Configuration.set_default(None)
    yield
    Configuration.set_default(None)


def values(configuration: Configuration) -> dict[str, Any]:
    return {name: getattr(configuration, name) for name in TABLE}


def test_the_table_is_complete() -> None:
    """Every setting is in the table, in the order of the constructor; the first two may go by position."""
    parameters = inspect.signature(Configuration).parameters
    assert list(parameters) == list(TABLE)
    positional = [
        name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    assert positional == ["host", "access_token"]
    assert {name: p.default for name, p in parameters.items()} == DEFAULTS
    assert list(inspect.signature(Configuration.from_env).parameters)[-1] == "debug"
    assert set(TABLE) <= set(typing.get_type_hints(Configuration))


@pytest.mark.parametrize("name", TABLE)
def test_a_setting_can_be_chosen_now_or_later(name: str) -> None:
    """The constructor and an assignment do the same; no other setting changes, and `None` brings the default back."""
    assert values(Configuration()) == values(Configuration(**{name: None})) == DEFAULTS
    for given, kept in TABLE[name][1]:
        now, later = Configuration(**{name: given}), Configuration()
        setattr(later, name, given)
        assert values(now) == values(later) == {**DEFAULTS, name: kept}
        assert type(getattr(now, name)) is type(kept), given
        setattr(later, name, None)
        assert values(later) == DEFAULTS


URL = "host must be a URL such as https://api.example.com"
PROXY = "proxy must be a URL such as http://api.example.com"
ORIGIN = "must be a host name, with a port from 1 to 65535 if any"
UNSEEN = [
    "https://bücher.example",
    "https://a example",
    "https://a\r\nX-Evil: 1",
    "https://a\n",
    "https://a\x7f",
]
NAMELESS = [
    "https://",
    "https:///x",
    "https://a..b",
    "https://-a.b",
    f"https://{LABEL}a.b",
    f"{LONGEST_URL}a",
]
NO_PORTS = [
    "https://:443",
    "https://a:0",
    "https://a:0x50",
    "https://a:65536",
    "https://a:http",
    "https://[::1",
]
NO_BASES = ["https://a?x=1", "https://a/#x", f"https://u:{PROXY_PASSWORD}@a"]
NO_TOKENS = [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"'{TOKEN}'", f'"{TOKEN}"']

WRONG: dict[str, list[Any]] = {
    # What is said, the name of the setting first: the values that are not allowed.
    f"{URL}, of visible ASCII characters only (write other names in punycode)": UNSEEN,
    f"{URL}; the scheme must be https or http": [
        "",
        "localhost:8080",
        "a.example",
        "ftp://a.example",
        "//a.example",
    ],
    f"{URL}; what follows https:// {ORIGIN}": NAMELESS + NO_PORTS,
    "host must not have a user name or a password (set access_token), query or fragment": NO_BASES,
    "access_token must be the token alone, without 'Bearer ' in front of it or quotes around it": NO_TOKENS,
    **{f"timeout must be {SECONDS} {wrong}": [wrong] for wrong in (0, -1.5, math.nan)},
    f"timeout[0] (connect) must be {SECONDS} 0": [(0, 1)],
    "retries must be 0 or more, not -1": [-1],
    "max_response_bytes must be 1 or more, not 0": [0],
    "cert_file must be a file that exists; there is none at '/'": ["/"],
    "tls_server_name must be a host name, such as api.example.com": [
        "a b",
        "https://x",
    ],
    f"{PROXY}; the scheme must be {' or '.join(PROXY_SCHEMES)}": [
        f"ftp://u:{PROXY_PASSWORD}@p"
    ],
    f"{PROXY}; what follows http:// {ORIGIN}": [
        "http://proxy:99999",
        f"http://u:{PROXY_PASSWORD}@",
    ],
    f"socket_options must be {TUPLES}": [[7], [(1, 2)], [(1, 2, 3, 4, 5)]],
}
WRONG_TYPES: dict[str, list[Any]] = {
    **{
        f"{name} must be {says}": [wrong] for name, (_, _, wrong, says) in TABLE.items()
    },
    **{
        f"retries must be {NUMBER}, not {type(wrong).__name__}": [wrong]
        for wrong in (True, 1.0, [])
    },
    "max_response_bytes must be a whole number, not bool": [True],
    **{
        f"timeout must be {SECONDS} {type(wrong).__name__}": [wrong]
        for wrong in (True, (1,))
    },
    f"timeout[1] (read) must be {SECONDS} NoneType": [(1, None)],
}
REFUSED = [(ApiValueError, *row) for row in WRONG.items()] + [
    (ApiTypeError, *row) for row in WRONG_TYPES.items()
]


@pytest.mark.parametrize(
    ("error", "says", "wrong"), REFUSED, ids=[says[:60] for _, says, _ in REFUSED]
)
def test_what_a_setting_may_not_be(
    error: type[Exception], says: str, wrong: list[Any]
) -> None:
    """Now and later an error names it and what is allowed, or the type that came, and no secret; it stays as it was."""
    name = re.findall(r"\w+", says)[0]
    configuration = Configuration()
    for value in wrong:
        with pytest.raises(error) as now:
            Configuration(**{name: value})
        with pytest.raises(error) as later:
            setattr(configuration, name, value)
        assert str(now.value) == str(later.value) == says
    assert not secrets_in(says)
    assert values(configuration) == DEFAULTS


def test_a_path_in_the_home_of_the_user(
    monkeypatch: MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """A tilde is the user's home, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").touch()
    assert Configuration(ssl_ca_cert="~/ca.pem").ssl_ca_cert == str(tmp_path / "ca.pem")


def test_which_names_mean_this_machine() -> None:
    """Loopback addresses and `localhost`, with all names under it (RFC 6761); nothing that looks like it."""
    here = [
        "localhost",
        "LOCALHOST.",
        "api.localhost",
        "127.0.0.1",
        "127.8.9.10",
        "::1",
    ]
    others = [
        "localhost.example.com",
        "127.0.0.1.example.com",
        "mylocalhost",
        "10.0.0.1",
        "::2",
        "",
    ]
    others.append("0.0.0.0")  # noqa: S104  # nothing is bound to it
    assert [name for name in (*here, *others) if is_loopback(name)] == here


def test_an_empty_string_stands_for_the_default() -> None:
    """But an empty `no_proxy` says that every host needs the proxy."""
    empty = Configuration(access_token="", proxy="", ssl_ca_cert="", no_proxy="")
    assert values(empty) == {**DEFAULTS, "no_proxy": ""}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        *(
            (name, "; did you mean 'access_token'?")
            for name in ("acess_token", "_access_token")
        ),
        *(
            ("hots", "; did you mean 'host'?"),
            ("Timeout", "; did you mean 'timeout'?"),
            ("xyzzy", ""),
        ),
        ("api_key", "; this API has no API keys; set access_token"),
        (
            "username",
            "; set access_token, to a PasswordGrant for a user name and a password",
        ),
    ],
)
def test_an_unknown_setting_is_an_error(name: str, advice: str) -> None:
    """The error names what was meant, if anything is near; the value shows nowhere."""
    configuration = Configuration()
    for choose in (
        lambda: setattr(configuration, name, TOKEN),
        lambda: Configuration(**{name: TOKEN}),
        lambda: Configuration.from_env(**{name: TOKEN}),
    ):
        with pytest.raises((ApiAttributeError, ApiTypeError)) as caught:
            choose()
        assert str(caught.value) == f"Configuration has no setting {name!r}{advice}"


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        *(({}, ""), ({"host": "https://api.agenttoolkit.ai/", "access_token": ""}, "")),
        ({"host": "http://localhost"}, "host='http://localhost'"),
        (
            {"access_token": TOKEN, "proxy": "http://u:p@proxy"},
            "access_token=Secret('***'), proxy=Secret('***')",
        ),
        ({"access_token": lambda: TOKEN}, "access_token=<function>"),
        (
            {"timeout": 5, "retries": 0, "debug": True},
            "timeout=5.0, retries=0, debug=True",
        ),
        ({"timeout": (1, 2), "retries": RETRY}, "timeout=(1.0, 2.0), retries=<Retry>"),
        *(
            ({"ca_cert_data": "x" * n}, f"ca_cert_data={shown}")
            for n, shown in ((4, "'xxxx'"), (200, "<str>"))
        ),
        (
            {"ssl_context": CONTEXT, "proxy_headers": {"X": "1"}},
            "ssl_context=<SSLContext>, proxy_headers=<dict>",
        ),
    ],
)
def test_what_a_configuration_shows(settings: dict[str, Any], shown: str) -> None:
    """What was chosen, and nothing that could be a secret or fills the screen."""
    assert repr(Configuration(**settings)) == f"Configuration({shown})"


def test_a_subclass_is_its_own_kind() -> None:
    """It shows its name, may have attributes of its own, and may compute a setting."""

    class Own(Configuration):
        region = "eu"
        timeout = property(lambda _: 7.0)  # type: ignore[assignment]  # computed here

    own = Own(host="http://localhost")
    own.region = "us"
    assert (repr(own), own.timeout) == ("Own(host='http://localhost')", 7.0)
    assert (copy.copy(own).region, own.region) == ("us", "us")
    assert {
        type(each) for each in (copy.copy(own), Own.from_env(), Own.get_default())
    } == {Own}


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))],  # noqa: S301  # our own bytes
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_as_good_and_apart(copied: Any) -> None:
    """All settings come along, secrets sealed; what is assigned to one does not touch the other."""
    configuration = Configuration(
        **{name: row[1][0][0] for name, row in TABLE.items() if name != "ssl_context"}
    )
    twin = copied(configuration)
    assert twin.retries.total == 3
    twin.retries = configuration.retries
    assert values(twin) == values(configuration)
    assert repr(twin) == repr(configuration)
    assert not secrets_in(repr(vars(twin)))
    twin.timeout = 5
    configuration.access_token = "other"
    assert (configuration.timeout, twin.access_token) == ((1.0, 2.0), TOKEN)


def test_copies_share_a_context() -> None:
    """Python cannot copy one, and it is meant to be shared."""
    assert copy.deepcopy(Configuration(ssl_context=CONTEXT)).ssl_context is CONTEXT


def test_the_environment_is_read_when_asked(monkeypatch: MonkeyPatch) -> None:
    """By `from_env`, not by the constructor; what is given counts more, even `None`, and an empty variable is unset."""
    for name, value in {
        "ACCESS_TOKEN": TOKEN,
        "AT_CLIENT_HOST": "http://localhost",
    }.items():
        monkeypatch.setenv(name, value)
    assert values(Configuration()) == DEFAULTS
    assert values(Configuration.from_env()) == {
        **DEFAULTS,
        "host": "http://localhost",
        "access_token": TOKEN,
    }
    given = {"host": "https://x.example", "access_token": "own", "timeout": 5.0}
    assert values(Configuration.from_env(**given)) == {**DEFAULTS, **given}
    assert Configuration.from_env(access_token=None).access_token is None
    for name in ("ACCESS_TOKEN", "AT_CLIENT_HOST"):
        monkeypatch.setenv(name, "")
    assert values(Configuration.from_env()) == DEFAULTS


def test_the_credentials_as_generated_clients_have_them() -> None:
    """`auth_settings` gives them in plain text by the name of the scheme; a source is not asked."""
    scheme = {
        "type": "oauth2",
        "in": "header",
        "key": "Authorization",
        "value": f"Bearer {TOKEN}",
    }
    assert Configuration(access_token=TOKEN).auth_settings() == {
        "OAuth2PasswordBearer": scheme
    }
    assert (
        Configuration(access_token="").auth_settings()
        == Configuration().auth_settings()
        == {}
    )
    for source in (lambda: TOKEN, GRANT):
        settings = Configuration(access_token=source).auth_settings()
        assert settings == {"OAuth2PasswordBearer": {**scheme, "value": mock.ANY}}
        assert TOKEN not in str(settings)


def test_the_default_configuration() -> None:
    """It is made once, on first use, until another is chosen."""
    first = Configuration.get_default()
    assert Configuration.get_default() is Configuration.get_default_copy() is first
    chosen = Configuration(timeout=5)
    Configuration.set_default(chosen)
    assert Configuration.get_default() is chosen


def test_the_debug_report() -> None:
    """What a bug report needs: the system, Python, and both versions."""
    assert Configuration().to_debug_report() == (
        "Python SDK Debug Report:\n"
        f"OS: {sys.platform}\n"
        f"Python Version: {sys.version}\n"
        "Version of the API: 1.0.0\n"
        f"SDK Package Version: {at_client.__version__}"
    )
