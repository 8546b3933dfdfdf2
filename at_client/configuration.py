"""The settings of a client: each with its type and default, checked when it is assigned; opens nothing."""

import copy
import functools
import os
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import urllib3
from typing_extensions import Self

from at_client import __version__
from at_client.checks import CHECKS
from at_client.exceptions import ApiAttributeError, ApiTypeError
from at_client.headers import Secret, reveal_all, seal

_GRANT = "set access_token, to a PasswordGrant for a user name and a password"
_INSTEAD = {
    "api_key": "this API has no API keys; set access_token",
    "username": _GRANT,
    "password": _GRANT,
}
"""What to use instead of settings that other generated clients have."""


class FetchedToken(Protocol):
    """A source that fetches its tokens over the client, such as `PasswordGrant`."""

    def fetch_token(self, rest: Any, clock: Any, rejected: Any = None) -> Any:
        """Return a valid value for the `Authorization` header, other than the rejected one."""


TokenSource = Callable[[], "str | None"] | FetchedToken
"""A callable that returns the bearer token. If it has a method `renew()`, that replaces a rejected token."""


class SealedAttribute:
    """An attribute that is stored wrapped, so that only reading it by name shows the value."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        value = None if instance is None else vars(instance).get(self._name)
        if isinstance(value, Secret):
            return value.get_secret_value()
        return reveal_all(value) if isinstance(value, dict) else value

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self._name] = seal(value)


def sealed_attribute() -> Any:
    """Return a `SealedAttribute` that type checkers take for its value."""
    return SealedAttribute()


class HasDefault:
    """Remembers the instance to use where none is given."""

    _default: ClassVar[Any] = None

    @classmethod
    def get_default(cls) -> Self:
        """Return the instance that is used where none is given, created on first use."""
        cls._default = cls._default or cls()
        return cls._default  # type: ignore[no-any-return]  # no ClassVar can be Self

    @classmethod
    def set_default(cls, default: Self | None) -> None:
        """Set the instance that is used where none is given; `None` creates a new one."""
        cls._default = default


@dataclass(repr=False, eq=False)
class Configuration(HasDefault):
    """The settings of a client. You can assign each of them later; `None` means its default.

    TLS and proxy settings apply to hosts that the client has not talked to yet, and to all after `ApiClient.close()`;
    `connection_pool_maxsize` and `socket_options` apply after `close()`, and every other setting from the next call on.

    Args:
        host: URL of the service, `http` or `https`; a path prefix is allowed.
        access_token: The bearer token (RFC 6750), a callable that returns it for each call, or a `PasswordGrant`.
        timeout: Seconds for a whole call, every attempt and wait included; or a pair (connect, read) that limits each
            attempt, where read is the time for the whole response. `math.inf` means no limit.
        retries: Retries after the first attempt; 0 or `False` for none. Or your own `urllib3.Retry`.
        verify_ssl: Whether to verify the certificate of the service. `False` is for tests only.
        ssl_ca_cert: File of CA certificates (PEM) to trust instead of the system's.
        ca_cert_data: CA certificates to trust instead of the system's: PEM text or DER bytes.
        cert_file: PEM file with the client certificate and its chain.
        key_file: PEM file with its unencrypted private key; `None` if `cert_file` contains it.
        ssl_context: An `ssl.SSLContext` to use instead of the five settings above.
        assert_hostname: Name to expect in the certificate instead of the host name; `False` accepts any.
        tls_server_name: Name to send by SNI and to expect in the certificate, instead of the host name.
        connection_pool_maxsize: Idle connections to keep per host; more can be open while they are in use.
        proxy: URL of a proxy: `http`, `https`, or with PySocks `socks4`, `socks4a`, `socks5`, `socks5h`; it can contain
            a user name and a password. `None` uses `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`.
        no_proxy: Hosts to reach without a proxy, separated by commas; `*` for all. `None` uses `NO_PROXY`, which
            applies only to proxies from the environment.
        proxy_headers: Headers sent only to the proxy.
        socket_options: Arguments for `socket.setsockopt` instead of TCP_NODELAY, one tuple per call.
        allow_insecure_http: Whether to send credentials over plain http to other machines.
        max_response_bytes: Largest decoded body to accept, in bytes.
        debug: Whether to also write the log line of each attempt to stderr.

    Raises:
        ApiTypeError, ApiValueError: A setting has the wrong type, or a value that is not allowed.
        ApiTypeError, ApiAttributeError: There is no such setting to give, or to assign.

    Examples:
        >>> Configuration(access_token="s3cr3t", timeout=10)
        Configuration(access_token=Secret('***'), timeout=10.0)
    """

    host: str = "https://api.agenttoolkit.ai"
    access_token: str | TokenSource | None = sealed_attribute()
    _: KW_ONLY
    timeout: float | tuple[float, float] = 60.0
    retries: int | urllib3.Retry = 2
    verify_ssl: bool = True
    ssl_ca_cert: str | os.PathLike[str] | None = None
    ca_cert_data: str | bytes | None = None
    cert_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    ssl_context: ssl.SSLContext | None = None
    assert_hostname: str | bool | None = None
    tls_server_name: str | None = None
    connection_pool_maxsize: int = 100
    proxy: str | None = sealed_attribute()
    no_proxy: str | None = None
    proxy_headers: Mapping[str, str] | None = sealed_attribute()
    socket_options: Sequence[tuple[Any, ...]] | None = None
    allow_insecure_http: bool = False
    max_response_bytes: int = 10 * 1024 * 1024
    debug: bool = False

    if TYPE_CHECKING:
        from_env: ClassVar[type["Configuration"]]  # accepts what the class accepts
    else:

        @classmethod
        def from_env(cls, **settings: Any) -> "Configuration":
            """Create a configuration from `ACCESS_TOKEN` and `AT_CLIENT_HOST`, if set; arguments take precedence."""
            environment = {
                "access_token": os.getenv("ACCESS_TOKEN"),
                "host": os.getenv("AT_CLIENT_HOST") or None,
            }
            return cls(**{**environment, **settings})

        def __setattr__(self, name: str, value: Any) -> None:
            if name in CHECKS:
                default = getattr(Configuration, name)
                unset = (
                    value is None
                    or value is default
                    or (value == "" and name not in {"host", "no_proxy"})
                )
                value = default if unset else CHECKS[name](name, value)
                if unset and isinstance(getattr(type(self), name), property):
                    return  # a subclass computes it
            elif (
                type(self) is Configuration
            ):  # a subclass may have attributes of its own
                raise ApiAttributeError(_describe_unknown(name))
            object.__setattr__(self, name, value)

    @classmethod
    def get_default_copy(cls) -> Self:
        """Return `get_default()`, as generated clients do."""
        return cls.get_default()

    def auth_settings(self) -> dict[str, dict[str, Any]]:
        """Return the credentials by security scheme, a `str` token in **plain text**, any other as a placeholder."""
        token = self.access_token
        value = f"Bearer {token}" if isinstance(token, str) else SourcedToken()
        scheme = {
            "type": "oauth2",
            "in": "header",
            "key": "Authorization",
            "value": value,
        }
        return {"OAuth2PasswordBearer": scheme} if token else {}

    def to_debug_report(self) -> str:
        """Return what a bug report needs, without secrets."""
        system = f"OS: {sys.platform}\nPython Version: {sys.version}\n"
        return f"Python SDK Debug Report:\n{system}Version of the API: 1.0.0\nSDK Package Version: {__version__}"

    def __repr__(self) -> str:
        changed = [
            name
            for name in CHECKS
            if vars(self).get(name) not in (None, getattr(Configuration, name))
        ]
        return f"{type(self).__name__}({', '.join(f'{name}={_shorten(vars(self)[name])}' for name in changed)})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Configuration":
        return copy.copy(
            self
        )  # a TLS context and a token source are meant to be shared


class SourcedToken(Secret):
    """Stands among the headers for the token of a source, which is asked when the request is sent."""

    __slots__ = ()


def _describe_unknown(name: str) -> str:
    from difflib import get_close_matches  # only for mistyped names

    near = get_close_matches(name, CHECKS, n=1)
    advice = _INSTEAD.get(name, f"did you mean {near[0]!r}?" if near else "")
    return f"Configuration has no setting {name!r}{advice and '; '}{advice}"


def _shorten(value: object) -> str:
    """Write a value for a `repr`: a callable may hold a secret, and a PEM block is long."""
    shown = isinstance(value, Secret | int | float | tuple) or (
        isinstance(value, str) and len(value) < 200
    )
    return repr(value) if shown else f"<{type(value).__name__}>"


_init = Configuration.__init__


@functools.wraps(_init)
def _init_by_known_names(self: Configuration, *args: Any, **settings: Any) -> None:
    """Say more about a misspelt argument than Python would."""
    for name in settings.keys() - CHECKS.keys():
        raise ApiTypeError(_describe_unknown(name))
    _init(self, *args, **settings)


Configuration.__init__ = _init_by_known_names  # type: ignore[method-assign]  # in place of the dataclass's
vars(Configuration)["from_env"].__func__.__signature__ = signature(_init).replace(
    return_annotation=Configuration
)
del (
    Configuration.__dataclass_fields__
)  # tools that print with dataclasses.asdict would read every secret
