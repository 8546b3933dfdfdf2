"""Configuration: its defaults, its copies, what it shows and where it comes from."""

import copy
import inspect
import ssl
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

import at_client
from at_client import ApiAttributeError, ApiTypeError, Configuration
from at_client.checks import CHECKS
from support.facts import TOKEN
from support.makers import MonkeyPatch

CONTEXT = ssl.create_default_context()

DEFAULTS: dict[str, Any] = {
    "host": "https://api.agenttoolkit.ai",
    "access_token": None,
    "timeout": 60.0,
    "retries": 2,
    "verify_ssl": True,
    "ssl_ca_cert": None,
    "ca_cert_data": None,
    "cert_file": None,
    "key_file": None,
    "ssl_context": None,
    "assert_hostname": None,
    "tls_server_name": None,
    "connection_pool_maxsize": 100,
    "proxy": None,
    "no_proxy": None,
    "proxy_headers": None,
    "socket_options": None,
    "allow_insecure_http": False,
    "max_response_bytes": 10 * 1024 * 1024,
    "debug": False,
}


@pytest.fixture(autouse=True)
def no_default() -> Iterator[None]:
    """Forget the default configuration before and after a test."""
    Configuration.set_default(None)
    yield
    Configuration.set_default(None)


def test_the_settings_are_the_published_ones() -> None:
    """The constructor has them in this order, with these defaults."""
    parameters = dict(inspect.signature(Configuration).parameters)
    del parameters["unknown"]
    assert {name: each.default for name, each in parameters.items()} == DEFAULTS
    assert list(parameters) == list(DEFAULTS) == list(CHECKS)


def test_from_env_takes_the_same_settings() -> None:
    """Editors know the keywords of `from_env` by the types of `Settings`."""
    settings = typing.get_type_hints(at_client.configuration.Settings)
    assert list(settings) == list(DEFAULTS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_none_is_the_default(name: str) -> None:
    """Given now or later, `None` stands for the default of a setting."""
    configuration = Configuration(**{name: None})
    assert vars(configuration) == DEFAULTS
    setattr(configuration, name, None)
    assert vars(configuration) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("acess_token", "; did you mean 'access_token'?"),
        ("xyzzy", ""),
        ("username", "; set access_token, to a callable for a login of your own"),
        ("api_key", "; this API has no API keys; set access_token"),
    ],
)
def test_an_unknown_setting_is_an_error(name: str, advice: str) -> None:
    """The error names what was meant, if anything is near; it shows no value."""
    says = f"Configuration has no setting {name!r}{advice}"
    with pytest.raises(ApiAttributeError) as later:
        setattr(Configuration(), name, TOKEN)
    with pytest.raises(ApiTypeError) as now:
        Configuration(**{name: TOKEN})
    assert str(later.value) == str(now.value) == says


SHOWN: dict[str, dict[str, Any]] = {
    "Configuration()": {"host": "https://api.agenttoolkit.ai/", "access_token": ""},
    "Configuration(access_token='***')": {"access_token": lambda: TOKEN},
    "Configuration(proxy='***')": {"proxy": "http://u:p@proxy"},
    "Configuration(proxy_headers='***')": {"proxy_headers": {"X": TOKEN}},
    "Configuration(timeout=(1.0, 2.0), retries=0)": {"timeout": (1, 2), "retries": 0},
    "Configuration(ca_cert_data=<str>)": {"ca_cert_data": "x" * 201},
    "Configuration(ssl_context=<SSLContext>)": {"ssl_context": CONTEXT},
}


@pytest.mark.parametrize("shown", SHOWN)
def test_a_configuration_shows_what_was_chosen(shown: str) -> None:
    """Its `repr` leaves out defaults, secrets, and what would fill the screen."""
    assert repr(Configuration(**SHOWN[shown])) == shown


# ---- Copies and subclasses


class Regional(Configuration):
    """A user's own configuration, with an attribute of its own."""

    region = "eu"


@pytest.mark.parametrize("make", [Regional.from_env, Regional.get_default])
def test_a_subclass_stays_one(make: Callable[[], Regional]) -> None:
    """Every way to make one gives the subclass, which shows its own name."""
    own = make()
    own.region = "us"
    assert repr(own).startswith("Regional(")
    assert copy.copy(own).region == "us"


# ---- Where settings come from

VARIABLES = {"host": "http://localhost", "access_token": TOKEN}
GIVEN: dict[str, Any] = {"host": "https://x.example", "access_token": None}


def test_the_environment_is_read_when_asked(monkeypatch: MonkeyPatch) -> None:
    """`from_env` reads two variables, the constructor none; arguments count more."""
    monkeypatch.setenv("AT_CLIENT_HOST", VARIABLES["host"])
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    assert vars(Configuration()) == DEFAULTS
    assert vars(Configuration.from_env()) == {**DEFAULTS, **VARIABLES}
    assert vars(Configuration.from_env(**GIVEN)) == {**DEFAULTS, **GIVEN}


def test_an_empty_variable_is_unset(monkeypatch: MonkeyPatch) -> None:
    """A CI job without the secret has an empty one."""
    monkeypatch.setenv("AT_CLIENT_HOST", "")
    monkeypatch.setenv("ACCESS_TOKEN", "")
    assert vars(Configuration.from_env()) == DEFAULTS


def test_the_default_configuration() -> None:
    """It is made once, on first use, until another is chosen."""
    first = Configuration.get_default()
    assert Configuration.get_default_copy() is first

    chosen = Configuration()
    Configuration.set_default(chosen)
    assert Configuration.get_default() is chosen


def test_an_empty_token_of_a_source_is_none() -> None:
    """`auth_settings` has no credentials if the source gives an empty text."""
    assert Configuration(access_token=lambda: "").auth_settings() == {}


def test_the_debug_report_has_what_a_bug_report_needs() -> None:
    """It has versions and whether there is a proxy, and not which."""
    configuration = Configuration(access_token=TOKEN, proxy="http://proxy.invalid")
    report = configuration.to_debug_report()

    assert f"SDK Package Version: {at_client.__version__}" in report
    assert f"urllib3: {urllib3.__version__}" in report
    assert "Proxies: set" in report
    assert TOKEN not in report
    assert "invalid" not in report
    assert "Proxies: none" in Configuration().to_debug_report()
