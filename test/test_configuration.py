"""Configuration: every setting by its name, now and later; its secrets stay sealed; it copies and pickles."""

from __future__ import annotations

import copy
import inspect
import pickle
import socket
import ssl
import sys
import typing
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

import at_client
from at_client import ApiAttributeError, ApiTypeError, ApiValueError, Configuration, PasswordGrant
from at_client.checks import CHECKS
from at_client.configuration import SourcedToken
from support.facts import PROXY_PASSWORD, TOKEN, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXY = f"http://user:{PROXY_PASSWORD}@proxy:3128"
NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
RETRY = urllib3.Retry(3)
CONTEXT = ssl.create_default_context()
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

# Setting -> default, a good value, what is kept of it, a value of the wrong type.
TABLE: dict[str, tuple[Any, Any, Any, Any]] = {
    "host": ("https://api.agenttoolkit.ai", "http://localhost/", "http://localhost", 7),
    "access_token": (None, TOKEN, TOKEN, 7),
    "timeout": (60.0, (1, 2), (1.0, 2.0), "60"),
    "retries": (2, RETRY, RETRY, "2"),
    "verify_ssl": (True, False, False, 2),
    "ssl_ca_cert": (None, __file__, __file__, 7),
    "ca_cert_data": (None, PEM.encode(), PEM, 7),
    "cert_file": (None, __file__, __file__, 7),
    "key_file": (None, __file__, __file__, 7),
    "ssl_context": (None, CONTEXT, CONTEXT, True),
    "assert_hostname": (None, False, False, 7),
    "tls_server_name": (None, "api.example.com", "api.example.com", 7),
    "connection_pool_maxsize": (100, 7, 7, "7"),
    "proxy": (None, PROXY, PROXY, 7),
    "no_proxy": (None, "localhost", "localhost", ["localhost"]),
    "proxy_headers": (None, {"Proxy-Authorization": TOKEN}, {"Proxy-Authorization": TOKEN}, "X-A: 1"),
    "socket_options": (None, list(NODELAY), NODELAY, "x"),
    "allow_insecure_http": (False, True, True, "no"),
    "max_response_bytes": (10 * 1024 * 1024, 1000, 1000, 1.5),
    "debug": (False, True, True, "yes"),
}
SECRETS = {name: TABLE[name][1] for name in ("access_token", "proxy", "proxy_headers")}


@pytest.fixture(autouse=True)
def _no_default() -> Iterator[None]:
    Configuration.set_default(None)
    yield
    Configuration.set_default(None)


def values(configuration: Configuration) -> dict[str, Any]:
    return {name: getattr(configuration, name) for name in TABLE}


DEFAULTS = {name: row[0] for name, row in TABLE.items()}


def test_the_table_is_complete() -> None:
    """Every setting is in the table, in the order of the constructor; the first two may go by position."""
    parameters = inspect.signature(Configuration).parameters
    assert list(parameters) == list(TABLE) == list(CHECKS)
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["host", "access_token"]
    assert {name: p.default for name, p in parameters.items()} == DEFAULTS
    assert list(inspect.signature(Configuration.from_env).parameters)[-1] == "debug"
    assert set(TABLE) <= set(typing.get_type_hints(Configuration))


@pytest.mark.parametrize("name", TABLE)
def test_a_setting_can_be_chosen_now_or_later(name: str) -> None:
    """The constructor and an assignment do the same; no other setting changes, and `None` brings the default back."""
    default, given, kept, wrong = TABLE[name]
    now, later = Configuration(**{name: given}), Configuration()
    assert values(later) == DEFAULTS
    setattr(later, name, given)
    assert values(now) == values(later) == {**DEFAULTS, name: kept}
    with pytest.raises(ApiTypeError, match=f"^{name} must be "):
        setattr(now, name, wrong)
    with pytest.raises(ApiTypeError, match=f"^{name} must be "):
        Configuration(**{name: wrong})
    assert getattr(now, name) == kept
    setattr(later, name, None)
    assert values(later) == values(Configuration(**{name: None})) == {**DEFAULTS, name: default}


def test_an_empty_string_stands_for_the_default() -> None:
    """But an empty host is a mistake, and an empty `no_proxy` says that every host needs the proxy."""
    empty = Configuration(access_token="", proxy="", ssl_ca_cert="", no_proxy="")
    assert values(empty) == {**DEFAULTS, "no_proxy": ""}
    with pytest.raises(ApiValueError, match=r"^host must be"):
        Configuration(host="")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("hots", "; did you mean 'host'?"),
        ("acess_token", "; did you mean 'access_token'?"),
        ("Timeout", "; did you mean 'timeout'?"),
        ("xyzzy", ""),
        ("_access_token", "; did you mean 'access_token'?"),
        ("api_key", "; this API has no API keys; set access_token"),
        ("username", "; set access_token, to a PasswordGrant for a user name and a password"),
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


def test_no_secret_shows() -> None:
    """Neither `repr` nor the variables of the object show a token or a password; who asks by name gets it."""
    configuration = Configuration(**SECRETS)
    shown = repr(configuration), str(configuration), repr(vars(configuration))
    assert not secrets_in(*shown, configuration.to_debug_report())
    assert {name: getattr(configuration, name) for name in SECRETS} == SECRETS


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, ""),
        ({"host": "https://api.agenttoolkit.ai/", "access_token": ""}, ""),
        ({"host": "http://localhost"}, "host='http://localhost'"),
        ({"access_token": TOKEN, "proxy": PROXY}, "access_token=Secret('***'), proxy=Secret('***')"),
        ({"access_token": lambda: TOKEN}, "access_token=<function>"),
        ({"timeout": 5, "retries": 0}, "timeout=5.0, retries=0"),
        ({"timeout": (1, 2), "retries": RETRY}, "timeout=(1.0, 2.0), retries=<Retry>"),
        ({"verify_ssl": False, "debug": True}, "verify_ssl=False, debug=True"),
        ({"ca_cert_data": "x" * 199}, f"ca_cert_data='{'x' * 199}'"),
        ({"ca_cert_data": "x" * 200}, "ca_cert_data=<str>"),
        ({"ssl_context": CONTEXT, "proxy_headers": {"X": "1"}}, "ssl_context=<SSLContext>, proxy_headers=<dict>"),
    ],
)
def test_what_a_configuration_shows(settings: dict[str, Any], shown: str) -> None:
    """What was chosen, and nothing that could be a secret or fills the screen."""
    assert repr(Configuration(**settings)) == f"Configuration({shown})"


def test_a_subclass_is_its_own_kind() -> None:
    """It shows its name, may have attributes of its own, and may compute a setting."""

    class Own(Configuration):
        region = "eu"

        @property
        def timeout(self) -> float:  # type: ignore[override]  # computed here
            return 7.0

    own = Own(host="http://localhost")
    own.region = "us"
    assert repr(own) == "Own(host='http://localhost')"
    assert (own.region, own.timeout) == ("us", 7.0)
    assert (copy.copy(own).region, type(copy.copy(own))) == ("us", Own)
    assert type(Own.from_env()) is Own
    assert type(Own.get_default()) is Own


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))],  # noqa: S301  # our own bytes
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_as_good_and_apart(copied: Any) -> None:
    """All settings come along, secrets sealed; what is assigned to one does not touch the other."""
    settings = {name: row[1] for name, row in TABLE.items() if name != "ssl_context"}
    configuration = Configuration(**settings)
    twin = copied(configuration)
    assert twin.retries.total == 3
    twin.retries = configuration.retries
    assert values(twin) == values(configuration)
    assert repr(twin) == repr(configuration)
    assert not secrets_in(repr(vars(twin)))
    twin.timeout = 5
    configuration.access_token = "other"
    assert (configuration.timeout, twin.access_token) == ((1.0, 2.0), TOKEN)


def test_a_context_does_not_pickle() -> None:
    """The error says what to use instead; a copy shares the context."""
    configuration = Configuration(ssl_context=CONTEXT)
    with pytest.raises(ApiTypeError, match="ssl_context cannot be pickled; use ssl_ca_cert"):
        pickle.dumps(configuration)
    assert copy.deepcopy(configuration).ssl_context is CONTEXT


def test_arguments_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_env` reads the two variables when it is called, but what it is given counts; `None` is a word, too."""
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", "bad")
    configuration = Configuration.from_env(host="http://localhost", access_token="own", timeout=5)
    assert values(configuration) == {**DEFAULTS, "host": "http://localhost", "access_token": "own", "timeout": 5.0}
    assert Configuration.from_env(host="http://localhost", access_token=None).access_token is None
    assert Configuration().access_token is None


@pytest.mark.parametrize(
    ("token", "value"),
    [
        *((TOKEN, f"Bearer {TOKEN}"), (None, None), ("", None)),
        *((source, SourcedToken()) for source in (lambda: TOKEN, PasswordGrant("token", "ada", "p"))),
    ],
)
def test_the_credentials_as_generated_clients_have_them(token: Any, value: Any) -> None:
    """`auth_settings` gives them in plain text by the name of the scheme; a source is not asked."""
    scheme = {"type": "oauth2", "in": "header", "key": "Authorization", "value": value}
    expected = {} if value is None else {"OAuth2PasswordBearer": scheme}
    assert Configuration(access_token=token).auth_settings() == expected


def test_the_default_configuration() -> None:
    """It is made once, on first use, until another is chosen."""
    first = Configuration.get_default()
    assert Configuration.get_default() is Configuration.get_default_copy() is first
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
