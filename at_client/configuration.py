"""The settings of a client: each with its type and default, checked when it is assigned; opens nothing."""

from __future__ import annotations

import functools
import os
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import urllib3
from typing_extensions import Self

from at_client.checks import CHECKS
from at_client.exceptions import ApiAttributeError, ApiTypeError
from at_client.headers import Secret, reveal, reveal_all
from at_client.version import __version__

_INSTEAD = {
    "api_key": "this API has no API keys; set access_token",
    "username": "set access_token, to a PasswordGrant for a user name and a password",
    "password": "set access_token, to a PasswordGrant for a user name and a password",
}
"""What to use in place of settings that some generated clients have."""


class FetchedToken(Protocol):
    """A source that fetches its tokens over the client, such as `PasswordGrant`."""

    def fetch_token(self, rest: Any, clock: Any, rejected: Any = None) -> Any:
        """Return a token that is good for now, and not the rejected one."""
        ...


TokenSource = Callable[[], "str | None"] | FetchedToken
"""Gives bearer tokens. A callable that also has a method `renew()` can replace a token that was rejected."""


class SealedAttribute:
    """An attribute that is stored wrapped, so that only reading it by name shows the value."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = f"_{name}"

    def __get__(self, instance: object, owner: type) -> Any:
        value = None if instance is None else vars(instance).get(self._key)
        return reveal_all(value) if isinstance(value, dict) else reveal(value)

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self._key] = Secret(value) if isinstance(value, str) else value


def _sealed() -> Any:
    return SealedAttribute()


@dataclass(repr=False, eq=False)
class Configuration:
    """The settings of a client; each may be assigned later, and `None` stands for its default.

    Settings of connections (TLS, proxy, pool) apply to hosts that the client has not talked to yet, and to all after
    `ApiClient.close()`; every other setting applies from the next call on.

    Args:
        host: URL of the service, `http` or `https`; a path prefix is allowed. `from_env` reads `AT_CLIENT_HOST`.
        access_token: The bearer token (RFC 6750): a `str`, a callable that is called for every request, or a
            `PasswordGrant`. `from_env` reads `ACCESS_TOKEN`.
        timeout: Seconds for a whole call, every attempt and wait included; or a pair (connect, read) that limits each
            attempt, where read is the time for the whole response. `math.inf` is no limit.
        retries: Attempts after the first, 0 or `False` for none; or a `urllib3.Retry`, which is then obeyed.
        verify_ssl: Whether to verify the certificate of the service. `False` is for tests only.
        ssl_ca_cert: File of CA certificates (PEM) to trust instead of the system's.
        ca_cert_data: CA certificates to trust instead of the system's: PEM text or DER bytes.
        cert_file: File of the client certificate (PEM), its chain included.
        key_file: File of the client certificate's private key (PEM, unencrypted); `None` if `cert_file` holds it.
        ssl_context: An `ssl.SSLContext` to use instead of the five settings above.
        assert_hostname: The name that the certificate must have instead of the host's; `False` accepts any name.
        tls_server_name: The name to send by SNI and to expect in the certificate, instead of the host's.
        connection_pool_maxsize: Idle connections to keep per host; more may be open while they are in use.
        proxy: URL of a proxy: `http`, `https`, or with PySocks `socks4`, `socks4a`, `socks5`, `socks5h`; it may hold
            a user name and a password. `None` leaves it to `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`.
        no_proxy: Hosts that need no proxy, separated by commas; `*` for all. `None` leaves it to `NO_PROXY`, which
            counts only for a proxy from the environment.
        proxy_headers: Headers for the proxy only.
        socket_options: Arguments for `socket.setsockopt` instead of TCP_NODELAY, one tuple per call.
        allow_insecure_http: Whether credentials may go over plain http to another machine.
        max_response_bytes: Bytes of a decoded body after which the call fails.
        debug: Whether the line that is logged for each attempt goes to stderr as well.

    Raises:
        ApiTypeError: A setting has the wrong type.
        ApiValueError: A setting has a value that is not allowed.
        ApiAttributeError: There is no such setting.

    Examples:
        >>> Configuration(access_token="s3cr3t", timeout=10)
        Configuration(access_token=Secret('***'), timeout=10.0)
    """

    host: str = "https://api.agenttoolkit.ai"
    access_token: str | TokenSource | None = _sealed()
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
    proxy: str | None = _sealed()
    no_proxy: str | None = None
    proxy_headers: Mapping[str, str] | None = _sealed()
    socket_options: Sequence[tuple[Any, ...]] | None = None
    allow_insecure_http: bool = False
    max_response_bytes: int = 10 * 1024 * 1024
    debug: bool = False

    _default: ClassVar[Configuration | None] = None

    if TYPE_CHECKING:
        from_env: ClassVar[type[Configuration]]  # accepts what the class accepts
    else:

        @classmethod
        def from_env(cls, **settings: Any) -> Self:
            """Make a configuration from the environment: `ACCESS_TOKEN`, and `AT_CLIENT_HOST` for another host.

            An empty variable counts as unset.

            Args:
                **settings: Further settings; these take precedence over the environment.
            """
            environment = {
                "access_token": os.environ.get("ACCESS_TOKEN"),
                "host": os.environ.get("AT_CLIENT_HOST") or None,
            }
            return cls(**{**environment, **settings})

        def __setattr__(self, name: str, value: Any) -> None:
            if name in CHECKS:
                self._set(name, value)
            elif type(self) is Configuration:
                raise ApiAttributeError(_describe_unknown(name))
            else:  # a subclass has attributes of its own
                object.__setattr__(self, name, value)

    def _set(self, name: str, value: Any) -> None:
        default = getattr(Configuration, name)
        if value is None or (value == "" and name not in {"host", "no_proxy"}):
            value = default
        if value is not default:
            value = CHECKS[name](name, value)
        elif isinstance(getattr(type(self), name), property):  # a subclass computes it
            return
        object.__setattr__(self, name, value)

    @classmethod
    def get_default(cls) -> Configuration:
        """Return the configuration that `ApiClient()` uses, made on first use."""
        if Configuration._default is None:
            Configuration._default = cls()
        return Configuration._default

    get_default_copy = get_default

    @classmethod
    def set_default(cls, default: Configuration | None) -> None:
        """Choose the configuration that `ApiClient()` uses; `None` for a new one."""
        Configuration._default = default

    def auth_settings(self) -> dict[str, dict[str, Any]]:
        """Return the credentials by security scheme, as generated clients have them, the token in **plain text**.

        The value for a token source is a placeholder: the source is asked when the request is sent.
        """
        token = self.access_token
        if not token:
            return {}
        value = f"Bearer {token}" if isinstance(token, str) else SourcedToken()
        scheme = {"type": "oauth2", "in": "header", "key": "Authorization", "value": value}
        return {"OAuth2PasswordBearer": scheme}

    def to_debug_report(self) -> str:
        """Return what a bug report needs, without secrets."""
        return (
            "Python SDK Debug Report:\n"
            f"OS: {sys.platform}\n"
            f"Python Version: {sys.version}\n"
            f"Version of the API: {__version__}\n"
            f"SDK Package Version: {__version__}"
        )

    def __repr__(self) -> str:
        values = {name: vars(self).get(f"_{name}", vars(self).get(name)) for name in CHECKS}
        shown = ", ".join(
            f"{name}={_shorten(value)}"
            for name, value in values.items()
            if value is not None and value != getattr(Configuration, name)
        )
        return f"{type(self).__name__}({shown})"

    def __getstate__(self) -> dict[str, Any]:
        if self.ssl_context is not None:
            raise ApiTypeError(
                "ssl_context cannot be pickled; use ssl_ca_cert, ca_cert_data, cert_file and key_file, "
                "or make the client in the process that uses it"
            )
        return dict(vars(self))

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()  # a TLS context and a token source are meant to be shared


class SourcedToken(Secret):
    """Stands among the headers for the token of a source, which is asked when the request is sent."""

    __slots__ = ()

    def __init__(self, value: str = "") -> None:
        super().__init__(value)


def _describe_unknown(name: str) -> str:
    from difflib import get_close_matches  # only for mistyped names

    near = get_close_matches(name, CHECKS, n=1)
    advice = _INSTEAD.get(name, f"did you mean {near[0]!r}?" if near else "")
    return f"Configuration has no setting {name!r}{advice and '; '}{advice}"


def _refuse_unknown_settings(init: Callable[..., None]) -> Any:
    """Say more about a misspelt argument than Python would."""

    @functools.wraps(init)
    def __init__(self: Configuration, *args: Any, **settings: Any) -> None:  # noqa: N807  # stands in for it
        for name in settings.keys() - CHECKS.keys():
            raise ApiTypeError(_describe_unknown(name))
        init(self, *args, **settings)

    return __init__


Configuration.__init__ = _refuse_unknown_settings(Configuration.__init__)  # type: ignore[method-assign]
Configuration.from_env.__func__.__wrapped__ = Configuration.__init__  # type: ignore[attr-defined]  # for signatures


def _shorten(value: object) -> str:
    """Write a value for a `repr`: a callable may hold a secret, and a PEM block is long."""
    if isinstance(value, Secret | bool | int | float | tuple):
        return repr(value)
    return repr(value) if isinstance(value, str) and len(value) < 200 else f"<{type(value).__name__}>"


# Otherwise dataclasses.asdict, and tools that use it to print, would read every secret.
del Configuration.__dataclass_fields__
