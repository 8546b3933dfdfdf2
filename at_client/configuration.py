"""The settings of a client: each with its type and default, checked when assigned."""

import copy
import os
import ssl
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

import urllib3
from typing_extensions import Never, Self, Unpack

from at_client import proxies
from at_client.checks import CHECKS
from at_client.exceptions import ApiAttributeError, ApiTypeError
from at_client.tokens import TokenSource, ask_source
from at_client.version import __version__

DEFAULT_HOST = "https://api.agenttoolkit.ai"
DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_RETRIES = 2
DEFAULT_POOL_MAXSIZE = 100
DEFAULT_MAX_RESPONSE_BYTES = 10 * 1024 * 1024

_DEFAULTS: dict[str, Any] = {
    "host": DEFAULT_HOST,
    "timeout": DEFAULT_TIMEOUT_SECONDS,
    "retries": DEFAULT_RETRIES,
    "verify_ssl": True,
    "connection_pool_maxsize": DEFAULT_POOL_MAXSIZE,
    "allow_insecure_http": False,
    "max_response_bytes": DEFAULT_MAX_RESPONSE_BYTES,
    "debug": False,
}
"""What `None` means for a setting; `None` itself for all others."""

_LOGIN_INSTEAD = "set access_token, to a callable for a login of your own"
_INSTEAD = {
    "api_key": "this API has no API keys; set access_token",
    "username": _LOGIN_INSTEAD,
    "password": _LOGIN_INSTEAD,
}
"""What to use instead of settings that other generated clients have."""

_SHARED = ("access_token", "ssl_context")
"""Settings that a deep copy shares: sources and contexts cannot be copied."""

LONGEST_SHOWN_CHARACTERS = 200
"""A longer text, such as a PEM block, is left out of a `repr`."""


class Settings(TypedDict, total=False):
    """The keyword arguments of `Configuration`."""

    host: str
    access_token: str | TokenSource | None
    timeout: float | tuple[float, float]
    retries: int | urllib3.Retry
    verify_ssl: bool
    ssl_ca_cert: str | os.PathLike[str] | None
    ca_cert_data: str | bytes | None
    cert_file: str | os.PathLike[str] | None
    key_file: str | os.PathLike[str] | None
    ssl_context: ssl.SSLContext | None
    assert_hostname: str | bool | None
    tls_server_name: str | None
    connection_pool_maxsize: int
    proxy: str | None
    no_proxy: str | None
    proxy_headers: dict[str, str] | None
    socket_options: Sequence[tuple[Any, ...]] | None
    allow_insecure_http: bool
    max_response_bytes: int
    debug: bool


class HasDefault:
    """Remembers the instance to use where none is given."""

    _default: ClassVar[Any] = None

    @classmethod
    def get_default(cls) -> Self:
        """Return the instance that is used where none is given, made on first use."""
        if cls._default is None:
            cls._default = cls()
        default: Self = cls._default
        return default

    @classmethod
    def set_default(cls, default: Self | None) -> None:
        """Set the instance that is used where none is given; `None` makes a new one."""
        cls._default = default


class Configuration(HasDefault):
    """The settings of a client; you can assign each later, and `None` is its default.

    TLS, proxy and pool settings are read when a client is made and after
    `ApiClient.close()`; every other setting applies from the next call on.

    Args:
        host: URL of the service, `http` or `https`; a path prefix is allowed.
        access_token: The bearer token (RFC 6750), or a callable that returns it for
            each call. If that has a method `renew()`, it is called after a 401.
        timeout: Seconds for a whole call, every attempt and wait included; or a pair
            (connect, read) that limits each attempt, where read is the time for the
            whole response. `math.inf` means no limit.
        retries: Retries after the first attempt; 0 or `False` for none. Or your own
            `urllib3.Retry`.
        verify_ssl: Whether to verify the certificate of the service. `False` is for
            tests only.
        ssl_ca_cert: File of CA certificates (PEM) to trust instead of the system's.
        ca_cert_data: CA certificates to trust instead of the system's: PEM text or DER
            bytes.
        cert_file: PEM file with the client certificate and its chain.
        key_file: PEM file with its unencrypted private key; `None` if `cert_file`
            contains it.
        ssl_context: An `ssl.SSLContext` to use instead of the five settings above.
        assert_hostname: Name to expect in the certificate instead of the host name;
            `False` accepts any.
        tls_server_name: Name to send by SNI and to expect in the certificate, instead
            of the host name.
        connection_pool_maxsize: Idle connections to keep per host; more can be open
            while they are in use.
        proxy: URL of a proxy: `http`, `https`, or with PySocks `socks4`, `socks4a`,
            `socks5`, `socks5h`; it can contain a user name and a password. An empty
            text is for no proxy. `None` uses the environment, but never for this
            machine: `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, or the settings of
            Windows and macOS.
        no_proxy: Hosts to reach without a proxy, separated by commas; `*` for all.
            `None` uses `NO_PROXY`.
        proxy_headers: Headers sent only to the proxy.
        socket_options: Arguments for `socket.setsockopt` instead of TCP_NODELAY, one
            tuple per call.
        allow_insecure_http: Whether to send credentials over plain http to other
            machines.
        max_response_bytes: Largest decoded body to accept, in bytes.
        debug: Whether to also write the log line of each attempt to stderr.

    Raises:
        ApiTypeError, ApiValueError: A setting has the wrong type, or a value that is
            not allowed.
        ApiTypeError, ApiAttributeError: There is no such setting.

    Examples:
        >>> Configuration(access_token="s3cr3t", timeout=10)
        Configuration(access_token='***', timeout=10.0)
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        access_token: str | TokenSource | None = None,
        *,
        timeout: float | tuple[float, float] = DEFAULT_TIMEOUT_SECONDS,
        retries: int | urllib3.Retry = DEFAULT_RETRIES,
        verify_ssl: bool = True,
        ssl_ca_cert: str | os.PathLike[str] | None = None,
        ca_cert_data: str | bytes | None = None,
        cert_file: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        assert_hostname: str | bool | None = None,
        tls_server_name: str | None = None,
        connection_pool_maxsize: int = DEFAULT_POOL_MAXSIZE,
        proxy: str | None = None,
        no_proxy: str | None = None,
        proxy_headers: dict[str, str] | None = None,
        socket_options: Sequence[tuple[Any, ...]] | None = None,
        allow_insecure_http: bool = False,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        debug: bool = False,
        **unknown: Never,  # no other is accepted; it is here for a better error
    ) -> None:
        for name in unknown:
            raise ApiTypeError(_describe_unknown(name))

        self.host = host
        self.access_token = access_token
        self.timeout = timeout
        self.retries = retries
        self.verify_ssl = verify_ssl
        self.ssl_ca_cert = ssl_ca_cert
        self.ca_cert_data = ca_cert_data
        self.cert_file = cert_file
        self.key_file = key_file
        self.ssl_context = ssl_context
        self.assert_hostname = assert_hostname
        self.tls_server_name = tls_server_name
        self.connection_pool_maxsize = connection_pool_maxsize
        self.proxy = proxy
        self.no_proxy = no_proxy
        self.proxy_headers = proxy_headers
        self.socket_options = socket_options
        self.allow_insecure_http = allow_insecure_http
        self.max_response_bytes = max_response_bytes
        self.debug = debug

    if not TYPE_CHECKING:  # a class with this method has any attribute, to checkers

        def __setattr__(self, name: str, value: Any) -> None:
            if name in CHECKS:
                if value is None:
                    value = _DEFAULTS.get(name)
                if value is not None:
                    value = CHECKS[name](name, value)
            elif type(self) is Configuration:  # subclasses have attributes of their own
                raise ApiAttributeError(_describe_unknown(name))
            super().__setattr__(name, value)

    @classmethod
    def from_env(cls, **settings: Unpack[Settings]) -> Self:
        """Return a configuration with `ACCESS_TOKEN` and `AT_CLIENT_HOST`, if set.

        Args:
            **settings: Arguments of `Configuration`; these take precedence.
        """
        settings.setdefault("access_token", os.environ.get("ACCESS_TOKEN"))
        settings.setdefault("host", os.environ.get("AT_CLIENT_HOST") or DEFAULT_HOST)
        # To pyright, a mapping of known keys may have unknown ones, too.
        return cls(**settings)  # pyright: ignore[reportArgumentType]

    @classmethod
    def get_default_copy(cls) -> Self:
        """Return `get_default()`, as generated clients do."""
        return cls.get_default()

    def auth_settings(self) -> dict[str, dict[str, Any]]:
        """Return the credentials by security scheme, in **plain text**.

        A callable `access_token` is called; without a token the result is empty.
        """
        token: Any = self.access_token
        value: str | None = None
        if callable(token):
            value = ask_source(token)
        elif token:
            value = f"Bearer {token}"
        if value is None:
            return {}

        scheme = {
            "type": "oauth2",
            "in": "header",
            "key": "Authorization",
            "value": value,
        }
        return {"OAuth2PasswordBearer": scheme}

    def to_debug_report(self) -> str:
        """Return what a bug report needs, without secrets."""
        has_proxy = bool(self.proxy or proxies.read_environment())
        lines = [
            "Python SDK Debug Report:",
            f"OS: {sys.platform}",
            f"Python Version: {sys.version}",
            "Version of the API: 1.0.0",
            f"SDK Package Version: {__version__}",
            f"urllib3: {version('urllib3')}",
            f"pydantic: {version('pydantic')}",
            f"TLS: {ssl.OPENSSL_VERSION}",
            f"Proxies: {'set' if has_proxy else 'none'}",
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        shown = [
            f"{name}={_shorten(name, value)}"
            for name, value in vars(self).items()
            if name in CHECKS and value != _DEFAULTS.get(name)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = copy.copy(self)
        for name, value in vars(self).items():
            if name not in _SHARED:
                vars(copied)[name] = copy.deepcopy(value, memo)
        return copied


def _describe_unknown(name: str) -> str:
    """Return that there is no such setting, and what to use instead."""
    from difflib import get_close_matches  # only for mistyped names

    advice = _INSTEAD.get(name)
    near = get_close_matches(name, CHECKS, n=1)
    if advice is None and near:
        advice = f"did you mean {near[0]!r}?"

    reason = f"Configuration has no setting {name!r}"
    return f"{reason}; {advice}" if advice else reason


def _shorten(name: str, value: object) -> str:
    """Write a value for a `repr`: secrets are starred, long texts and objects named."""
    if name in ("access_token", "proxy", "proxy_headers"):
        return "'***'"
    if isinstance(value, str) and len(value) > LONGEST_SHOWN_CHARACTERS:
        return "<str>"
    if isinstance(value, str | int | float | tuple):
        return repr(value)
    return f"<{type(value).__name__}>"
