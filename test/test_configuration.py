"""Configuration: every setting by its name, now and later; its secrets stay sealed; it copies and pickles."""

from __future__ import annotations

import copy
import inspect
import pickle
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from at_client.fields import Headers
from at_client.sealed import Secret

import at_client
from at_client import (
    ApiAttributeError,
    ApiTypeError,
    ApiValueError,
    Configuration,
    PasswordGrant,
)
from at_client.configuration import SETTINGS
from support.facts import PROXY_PASSWORD, TOKEN, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXY = f"http://user:{PROXY_PASSWORD}@proxy:3128"
NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
RETRY = urllib3.Retry(3)
CONTEXT = ssl.create_default_context()
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

# Name, default, a good value, what is kept of it, a value of the wrong type.
TABLE: list[tuple[str, Any, Any, Any, Any]] = [
    ("host", "https://api.agenttoolkit.ai", "http://localhost/", "http://localhost", 7),
    ("access_token", None, TOKEN, TOKEN, 7),
    ("timeout", 60.0, (1, 2), (1.0, 2.0), "60"),
    ("retries", 2, RETRY, RETRY, "2"),
    ("verify_ssl", True, False, False, 0),
    ("ssl_ca_cert", None, __file__, __file__, 7),
    ("ca_cert_data", None, PEM.encode(), PEM, 7),
    ("cert_file", None, __file__, __file__, 7),
    ("key_file", None, __file__, __file__, 7),
    ("ssl_context", None, CONTEXT, CONTEXT, True),
    ("assert_hostname", None, "api.example.com", "api.example.com", 7),
    ("tls_server_name", None, "api.example.com", "api.example.com", 7),
    ("connection_pool_maxsize", 100, 7, 7, "7"),
    ("proxy", None, PROXY, PROXY, 7),
    ("no_proxy", None, "localhost", "localhost", ["localhost"]),
    ("proxy_headers", None, {"X-A": "1"}, Headers({"X-A": "1"}), "X-A: 1"),
    ("socket_options", None, list(NODELAY), NODELAY, "x"),
    ("allow_insecure_http", False, True, True, 1),
    ("max_response_bytes", 10 * 1024 * 1024, 1000, 1000, 1.5),
    ("debug", False, True, True, "yes"),
]
NAMES = [row[0] for row in TABLE]
COLUMNS = ("name", "default", "given", "kept", "wrong")


def by_setting(*columns: str) -> pytest.MarkDecorator:
    """Run a test for every row of the table, with these columns."""
    rows = [[row[COLUMNS.index(column)] for column in columns] for row in TABLE]
    return pytest.mark.parametrize(columns, rows, ids=NAMES)


@pytest.fixture(autouse=True)
def _no_default() -> Iterator[None]:
    Configuration.set_default(None)
    yield
    Configuration.set_default(None)


def test_the_table_is_complete() -> None:
    """Every setting is in the table, in the order of the constructor; the first two may go by position."""
    parameters = inspect.signature(Configuration).parameters
    assert list(parameters) == NAMES == list(SETTINGS)
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["host", "access_token"]
    assert {p.default for p in parameters.values()} == {None}


@by_setting("name", "default", "given")
def test_a_setting_has_a_default(name: str, default: object, given: object) -> None:
    """Without a word it is the default, and `None` brings it back."""
    configuration = Configuration()
    assert getattr(configuration, name) == default
    assert getattr(Configuration(**{name: None}), name) == default
    setattr(configuration, name, given)
    setattr(configuration, name, None)
    assert getattr(configuration, name) == default


@by_setting("name", "given", "kept")
def test_a_setting_can_be_chosen_now_or_later(name: str, given: object, kept: object) -> None:
    """The constructor and an assignment do the same; no other setting changes."""
    now, later = Configuration(**{name: given}), Configuration()
    setattr(later, name, given)
    for configuration in (now, later):
        assert getattr(configuration, name) == kept
        others = {row[0]: row[1] for row in TABLE if row[0] != name}
        assert {other: getattr(configuration, other) for other in others} == others


@by_setting("name", "given", "kept", "wrong")
def test_a_setting_of_the_wrong_type(name: str, given: object, kept: object, wrong: object) -> None:
    """It is refused by its name, at once, and the setting stays as it was."""
    with pytest.raises(ApiTypeError, match=f"^{name} must be "):
        Configuration(**{name: wrong})
    configuration = Configuration(**{name: given})
    with pytest.raises(ApiTypeError, match=f"^{name} must be "):
        setattr(configuration, name, wrong)
    assert getattr(configuration, name) == kept


@by_setting("name", "given", "wrong")
def test_every_assignment_is_noticed(name: str, given: object, wrong: object) -> None:
    """What was prepared from the settings can tell that it is out of date; a refused value changes nothing."""
    configuration = Configuration()
    before = configuration.revision
    with pytest.raises(ApiTypeError):
        setattr(configuration, name, wrong)
    assert configuration.revision == before
    setattr(configuration, name, given)
    assert configuration.revision > before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "ftp://api.example.com"),
        ("host", "https://api.example.com:99999"),
        ("access_token", "a\nb"),
        ("timeout", 0),
        ("timeout", float("nan")),
        ("retries", -1),
        ("ssl_ca_cert", "/nowhere.pem"),
        ("cert_file", "/nowhere.pem"),
        ("key_file", "/nowhere.pem"),
        ("assert_hostname", "a b"),
        ("tls_server_name", "a b"),
        ("connection_pool_maxsize", 0),
        ("proxy", "gopher://proxy"),
        ("proxy_headers", {"bad name": "x"}),
        ("proxy_headers", {"X": "a\nb"}),
        ("socket_options", [(1,)]),
        ("max_response_bytes", 0),
    ],
)
def test_a_value_that_is_not_allowed(name: str, value: object) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ApiValueError):
        Configuration(**{name: value})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hots", "Configuration has no setting 'hots'; did you mean 'host'?"),
        ("acess_token", "Configuration has no setting 'acess_token'; did you mean 'access_token'?"),
        ("Timeout", "Configuration has no setting 'Timeout'; did you mean 'timeout'?"),
        ("verify_tls", "Configuration has no setting 'verify_tls'; did you mean 'verify_ssl'?"),
        ("xyzzy", "Configuration has no setting 'xyzzy'"),
        ("revision", "Configuration has no setting 'revision'"),
        (
            "_access_token",
            "Configuration has no setting '_access_token'; did you mean 'access_token'?",
        ),
    ],
)
def test_a_misspelt_setting_is_an_error(name: str, says: str) -> None:
    """The error names what was meant, if anything is near; the value shows nowhere."""
    configuration = Configuration()
    with pytest.raises(ApiAttributeError) as caught:
        setattr(configuration, name, TOKEN)
    assert str(caught.value) == says
    with pytest.raises(TypeError, match=name):
        Configuration(**{name: TOKEN})
    with pytest.raises(ApiAttributeError):
        Configuration.from_env(**{name: TOKEN})


SECRETS = {"access_token": TOKEN, "proxy": PROXY, "proxy_headers": {"Proxy-Authorization": TOKEN}}


def test_no_secret_shows() -> None:
    """Neither `repr` nor the variables of the object show a token or a password."""
    configuration = Configuration(**SECRETS)
    assert not secrets_in(
        repr(configuration),
        str(configuration),
        repr(vars(configuration)),
        configuration.to_debug_report(),
    )
    assert configuration.access_token == TOKEN
    assert configuration.proxy == PROXY
    assert configuration.proxy_headers == {"Proxy-Authorization": Secret(TOKEN)}


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, "Configuration()"),
        ({"host": "https://api.agenttoolkit.ai/"}, "Configuration()"),
        ({"host": "http://localhost"}, "Configuration(host='http://localhost')"),
        ({"access_token": TOKEN}, "Configuration(access_token=Secret('***'))"),
        ({"access_token": ""}, "Configuration()"),
        ({"access_token": lambda: TOKEN}, "Configuration(access_token=<function>)"),
        ({"timeout": 5, "retries": 0}, "Configuration(timeout=5.0, retries=0)"),
        ({"timeout": (1, 2)}, "Configuration(timeout=(1.0, 2.0))"),
        ({"retries": RETRY}, "Configuration(retries=<Retry>)"),
        ({"verify_ssl": False, "debug": True}, "Configuration(verify_ssl=False, debug=True)"),
        ({"ca_cert_data": "x" * 199}, f"Configuration(ca_cert_data='{'x' * 199}')"),
        ({"ca_cert_data": "x" * 200}, "Configuration(ca_cert_data=<str>)"),
        ({"ca_cert_data": b"0"}, "Configuration(ca_cert_data=<bytes>)"),
        ({"ssl_context": CONTEXT}, "Configuration(ssl_context=<SSLContext>)"),
        ({"proxy": PROXY}, "Configuration(proxy=Secret('***'))"),
        ({"proxy_headers": {"X": "1"}}, "Configuration(proxy_headers=<Headers>)"),
    ],
)
def test_what_a_configuration_shows(settings: dict[str, Any], shown: str) -> None:
    """What was chosen, and nothing that could be a secret or fills the screen."""
    assert repr(Configuration(**settings)) == shown


def test_a_subclass_shows_its_own_name() -> None:
    """Who derives from it sees so."""

    class Own(Configuration):
        pass

    assert repr(Own(timeout=5)) == "Own(timeout=5.0)"
    assert type(Own.from_env()) is Own
    assert type(Own.get_default()) is Own


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))],  # noqa: S301  # our own bytes
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_as_good_and_apart(copied: Any) -> None:
    """All settings come along; what is assigned to one does not touch the other."""
    settings = {row[0]: row[2] for row in TABLE if row[0] not in ("ssl_context", "retries")}
    configuration = Configuration(**settings, retries=3)
    twin = copied(configuration)
    assert type(twin) is Configuration
    assert {name: getattr(twin, name) for name in NAMES} == {name: getattr(configuration, name) for name in NAMES}
    assert repr(twin) == repr(configuration)
    twin.timeout = 5
    assert configuration.timeout == (1.0, 2.0)
    configuration.access_token = "other"
    assert twin.access_token == TOKEN


def test_a_retry_of_the_users_pickles_along() -> None:
    """urllib3's policies pickle, so they need no exception."""
    twin = pickle.loads(pickle.dumps(Configuration(retries=RETRY)))  # noqa: S301  # our own bytes
    assert twin.retries.total == 3


def test_a_context_does_not_pickle() -> None:
    """The error says what to use instead; a copy shares the context."""
    configuration = Configuration(ssl_context=CONTEXT)
    with pytest.raises(ApiTypeError, match="ssl_context cannot be pickled; use ssl_ca_cert"):
        pickle.dumps(configuration)
    assert copy.deepcopy(configuration).ssl_context is CONTEXT


def test_a_pickle_holds_the_secrets_for_its_receiver() -> None:
    """A worker needs the token; that it is in the pickle is documented, and it comes out sealed."""
    twin = pickle.loads(pickle.dumps(Configuration(**SECRETS)))  # noqa: S301  # our own bytes
    assert twin.access_token == TOKEN
    assert not secrets_in(repr(vars(twin)))


@pytest.mark.parametrize(
    ("environment", "settings", "token", "host"),
    [
        ({}, {}, None, "https://api.agenttoolkit.ai"),
        ({"ACCESS_TOKEN": TOKEN}, {}, TOKEN, "https://api.agenttoolkit.ai"),
        ({"ACCESS_TOKEN": ""}, {}, None, "https://api.agenttoolkit.ai"),
        ({"AT_CLIENT_HOST": "http://localhost/"}, {}, None, "http://localhost"),
        ({"AT_CLIENT_HOST": ""}, {}, None, "https://api.agenttoolkit.ai"),
        ({"ACCESS_TOKEN": TOKEN}, {"access_token": "own"}, "own", "https://api.agenttoolkit.ai"),
        ({"ACCESS_TOKEN": TOKEN}, {"access_token": None}, None, "https://api.agenttoolkit.ai"),
        ({"AT_CLIENT_HOST": "bad"}, {"host": "http://localhost"}, None, "http://localhost"),
    ],
)
def test_settings_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    settings: dict[str, Any],
    token: str | None,
    host: str,
) -> None:
    """`ACCESS_TOKEN` and `AT_CLIENT_HOST` are read when asked; empty is unset, and an argument goes before."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    configuration = Configuration.from_env(timeout=5, **settings)
    assert (configuration.access_token, configuration.host) == (token, host)
    assert configuration.timeout == 5.0
    assert Configuration().access_token is None


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("ACCESS_TOKEN", f"{TOKEN}\n", "^access_token has"), ("AT_CLIENT_HOST", "bad", "^host must")],
)
def test_a_bad_variable_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """The error names the setting, and shows no token."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ApiValueError, match=says) as caught:
        Configuration.from_env()
    assert not secrets_in(str(caught.value))


@pytest.mark.parametrize(
    ("token", "value"),
    [
        (TOKEN, f"Bearer {TOKEN}"),
        (lambda: TOKEN, f"Bearer {TOKEN}"),
        (None, None),
        ("", None),
        (lambda: None, None),
        (lambda: "", None),
        (PasswordGrant("token", "ada", "password"), None),
    ],
)
def test_the_credentials_as_generated_clients_have_them(token: Any, value: str | None) -> None:
    """`auth_settings` gives them unsealed, by the name of the scheme; none without a token."""
    expected = {
        "OAuth2PasswordBearer": {
            "type": "oauth2",
            "in": "header",
            "key": "Authorization",
            "value": value,
        }
    }
    assert Configuration(access_token=token).auth_settings() == (expected if value else {})


def test_the_default_configuration() -> None:
    """It is made once, on first use, until another is chosen."""
    first = Configuration.get_default()
    assert Configuration.get_default() is first
    chosen = Configuration(timeout=5)
    Configuration.set_default(chosen)
    assert Configuration.get_default() is chosen
    Configuration.set_default(None)
    assert Configuration.get_default() is not first


def test_the_debug_report() -> None:
    """What a bug report needs: the system, Python, and both versions."""
    assert Configuration().to_debug_report() == (
        "Python SDK Debug Report:\n"
        f"OS: {sys.platform}\n"
        f"Python Version: {sys.version}\n"
        f"Version of the API: {at_client.__version__}\n"
        f"SDK Package Version: {at_client.__version__}"
    )


def test_settings_are_known_to_the_class() -> None:
    """The class itself shows its settings, for tools and for `help`."""
    assert SETTINGS["timeout"] is Configuration.timeout
    assert Configuration.timeout.default == 60.0
    assert Configuration.access_token.secret is True
