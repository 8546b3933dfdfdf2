"""Configuration: its defaults, its copies, what it shows and where it comes from."""

import copy
import inspect
import pickle
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


def test_two_settings_can_go_by_position() -> None:
    """Host and token come first; all others need their names."""
    parameters = inspect.signature(Configuration).parameters.values()
    by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == ["host", "access_token"]


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
        ("_access_token", "; did you mean 'access_token'?"),
        ("hots", "; did you mean 'host'?"),
        ("xyzzy", ""),
        ("api_key", "; this API has no API keys; set access_token"),
        ("username", "; set access_token, to a callable for a login of your own"),
    ],
)
def test_an_unknown_setting_is_an_error(name: str, advice: str) -> None:
    """The error names what was meant, if anything is near; it shows no value."""
    says = f"Configuration has no setting {name!r}{advice}"
    with pytest.raises(ApiAttributeError) as later:
        setattr(Configuration(), name, TOKEN)
    with pytest.raises(ApiTypeError) as now:
        Configuration(**{name: TOKEN})
    with pytest.raises(ApiTypeError) as from_env:
        Configuration.from_env(**{name: TOKEN})
    assert str(later.value) == str(now.value) == str(from_env.value) == says


SHOWN: dict[str, dict[str, Any]] = {
    "": {"host": "https://api.agenttoolkit.ai/", "access_token": ""},
    "host='http://localhost'": {"host": "http://localhost"},
    "access_token='***'": {"access_token": lambda: TOKEN},
    "access_token='***', proxy='***'": {
        "access_token": TOKEN,
        "proxy": "http://u:p@proxy",
    },
    "timeout=5.0, retries=0, debug=True": {"timeout": 5, "retries": 0, "debug": 1},
    "timeout=(1.0, 2.0)": {"timeout": (1, 2)},
    "retries=<Retry>": {"retries": urllib3.Retry(3)},
    "ca_cert_data='xxxx'": {"ca_cert_data": "xxxx"},
    "ca_cert_data=<str>": {"ca_cert_data": "x" * 201},
    "ssl_context=<SSLContext>": {"ssl_context": CONTEXT},
    "proxy_headers='***'": {"proxy_headers": {"X": TOKEN}},
}


@pytest.mark.parametrize("shown", SHOWN)
def test_a_configuration_shows_what_was_chosen(shown: str) -> None:
    """Its `repr` leaves out defaults, secrets, and what would fill the screen."""
    assert repr(Configuration(**SHOWN[shown])) == f"Configuration({shown})"


# ---- Copies and subclasses


class Regional(Configuration):
    """A user's own configuration, with an attribute and a computed setting."""

    region = "eu"

    @property
    def timeout(self) -> float:
        """Seconds that are not to be changed."""
        return 7.0

    @timeout.setter
    def timeout(self, value: object) -> None:
        """Ignore what the constructor sets."""


@pytest.mark.parametrize(
    "make",
    [Regional, Regional.from_env, Regional.get_default, lambda: copy.copy(Regional())],
    ids=["constructor", "from_env", "get_default", "copy"],
)
def test_a_subclass_stays_one(make: Callable[[], Regional]) -> None:
    """Every way to make one gives the subclass, which shows its own name."""
    own = make()
    own.region = "us"
    assert type(own) is Regional
    assert own.timeout == 7.0
    assert repr(own).startswith("Regional(")
    assert copy.copy(own).region == "us"


def by_pickle(configuration: Configuration) -> Any:
    """Copy a configuration as another process gets it."""
    return pickle.loads(pickle.dumps(configuration))  # noqa: S301  # our own bytes


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, by_pickle])
def test_a_copy_has_all_settings_and_stands_alone(copied: Any) -> None:
    """What is assigned to a copy or to the original does not reach the other."""
    configuration = Configuration("http://localhost", TOKEN, timeout=(1, 2))
    twin = copied(configuration)
    assert vars(twin) == vars(configuration)

    twin.timeout = 5
    configuration.access_token = "other"
    assert configuration.timeout == (1.0, 2.0)
    assert twin.access_token == TOKEN


# ---- Where settings come from


def test_the_environment_is_read_when_asked(monkeypatch: MonkeyPatch) -> None:
    """`from_env` reads two variables, and the constructor none."""
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", "http://localhost")
    assert vars(Configuration()) == DEFAULTS
    read = {"host": "http://localhost", "access_token": TOKEN}
    assert vars(Configuration.from_env()) == {**DEFAULTS, **read}


def test_what_is_given_counts_more_than_the_environment(
    monkeypatch: MonkeyPatch,
) -> None:
    """Arguments of `from_env` replace the variables, even a token of `None`."""
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", "http://localhost")
    given: dict[str, Any] = {"host": "https://x.example", "access_token": None}
    assert vars(Configuration.from_env(**given)) == {**DEFAULTS, **given}


def test_an_empty_variable_is_unset(monkeypatch: MonkeyPatch) -> None:
    """A CI job without the secret has an empty one."""
    monkeypatch.setenv("ACCESS_TOKEN", "")
    monkeypatch.setenv("AT_CLIENT_HOST", "")
    assert vars(Configuration.from_env()) == DEFAULTS


def test_the_default_configuration() -> None:
    """It is made once, on first use, until another is chosen."""
    first = Configuration.get_default()
    assert Configuration.get_default() is first
    assert Configuration.get_default_copy() is first

    chosen = Configuration(timeout=5)
    Configuration.set_default(chosen)
    assert Configuration.get_default() is chosen


@pytest.mark.parametrize("token", [TOKEN, lambda: TOKEN], ids=["a str", "a source"])
def test_credentials_as_generated_clients_have_them(token: Any) -> None:
    """`auth_settings` has the plain token, under the name of the scheme."""
    settings = Configuration(access_token=token).auth_settings()
    assert settings == {
        "OAuth2PasswordBearer": {
            "type": "oauth2",
            "in": "header",
            "key": "Authorization",
            "value": f"Bearer {TOKEN}",
        }
    }


@pytest.mark.parametrize("token", ["", lambda: "", lambda: None])
def test_no_credentials(token: Any) -> None:
    """Without a token there is no scheme to use."""
    assert Configuration(access_token=token).auth_settings() == {}


def test_the_debug_report_has_what_a_bug_report_needs() -> None:
    """Each line names one thing, and no setting that could be secret."""
    report = Configuration(access_token=TOKEN).to_debug_report()
    title, *lines = report.splitlines()
    facts = dict(line.split(": ", 1) for line in lines)
    assert title == "Python SDK Debug Report:"
    assert facts["SDK Package Version"] == at_client.__version__
    assert facts["urllib3"] == urllib3.__version__
    assert facts["TLS"] == ssl.OPENSSL_VERSION
    assert facts["Proxies"] == "none"
    assert TOKEN not in report


def test_the_debug_report_tells_of_a_proxy() -> None:
    """The report says that there is one, and not which."""
    report = Configuration(proxy="http://proxy.invalid").to_debug_report()
    assert "Proxies: set" in report
    assert "invalid" not in report
