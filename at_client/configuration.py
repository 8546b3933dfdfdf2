"""What the user chose: checked when it is assigned, secrets sealed; opens nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from at_client import settings
from at_client.exceptions import ApiAttributeError, ApiTypeError
from at_client.locks import ProcessLock
from at_client.sealed import Secret, conceal
from at_client.version import __version__

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol, TypeAlias

    import urllib3
    from typing_extensions import Self

    class FetchedToken(Protocol):
        """A token source that fetches its tokens over the client, such as `at_client.auth.PasswordGrant`."""

        def token(self, rest: Any, clock: Any) -> Secret:
            """Return a token that is good for now."""
            ...

    TokenSource: TypeAlias = Callable[[], str | None] | FetchedToken
    """Gives bearer tokens; one that has a method `renew()`, too, can replace a token that was rejected."""

T = TypeVar("T")


class Setting(Generic[T]):
    """One setting: what it is when nobody says anything, and what it may be.

    A configuration keeps the value of a plain setting under the setting's own name, where reading it costs nothing;
    that of a secret one under a private name, so that it is opened only for who asks for it.

    Args:
        check: Takes the name of the setting and the value given; returns the value to keep, or raises.
        default: What `None` stands for.
        secret: Whether a text may be or hold a secret, so that the check is given it sealed.
    """

    def __init__(
        self, check: Callable[[str, Any], Any], default: T, *, secret: bool = False
    ) -> None:
        self.check = check
        self.default = default
        self.secret = secret

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.key = f"_{name}" if self.secret else name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Configuration, owner: type) -> T: ...
    def __get__(self, instance: Configuration | None, owner: type) -> Self | T:
        if instance is None:
            return self
        kept = self.kept(instance)
        if isinstance(kept, Secret):
            kept = kept.reveal()
        return kept  # type: ignore[no-any-return]  # what the check returned

    if TYPE_CHECKING:  # at run time, Configuration.__setattr__ does it

        def __set__(self, instance: Configuration, value: T | None) -> None: ...

    def kept(self, configuration: Configuration) -> Any:
        """Return the value as it is kept: a secret one sealed."""
        return vars(configuration)[self.key]


class Configuration:
    """The settings of a client; each may be assigned later and then holds from the next call on.

    The attributes below say what each setting is; `None` stands for the default of any.

    Raises:
        ApiTypeError: A setting has the wrong type.
        ApiValueError: A setting has a value that is not allowed.
        ApiAttributeError: There is no setting of that name to assign.

    Examples:
        >>> configuration = Configuration(access_token="s3cr3t", timeout=10)
        >>> configuration
        Configuration(access_token=Secret('***'), timeout=10.0)
    """

    host = Setting(settings.host, "https://api.agenttoolkit.ai", secret=True)
    """URL of the service, `http` or `https`; a path prefix is allowed."""

    access_token: Setting[str | TokenSource | None] = Setting(
        settings.access_token, None, secret=True
    )
    """The bearer token (RFC 6750): a `str`, or a callable that is asked at every call (see `at_client.auth`). Without
    one, or with an empty one, none is sent."""

    timeout: Setting[float | tuple[float, float]] = Setting(settings.timeout, 60.0)
    """Seconds for a whole call, every attempt and wait included; or a pair (connect, read) that bounds each attempt,
    read being the time for the whole response. `math.inf` is no limit. Default 60."""

    retries: Setting[int | urllib3.Retry] = Setting(settings.retries, 2)
    """Attempts after the first, default 2; or a `urllib3.Retry`, which is then obeyed."""

    verify_ssl = Setting(settings.flag, default=True)
    """Whether the service must prove who it is. False is for tests; urllib3 warns at every request."""

    ssl_ca_cert: Setting[str | os.PathLike[str] | None] = Setting(settings.readable_file, None)
    """File of CA certificates (PEM) to trust in place of the system's."""

    ca_cert_data: Setting[str | bytes | None] = Setting(settings.certificates, None)
    """CA certificates to trust in place of the system's: PEM text or DER bytes."""

    cert_file: Setting[str | os.PathLike[str] | None] = Setting(settings.readable_file, None)
    """File of the client certificate (PEM), its chain included."""

    key_file: Setting[str | os.PathLike[str] | None] = Setting(settings.readable_file, None)
    """File of the client certificate's private key (PEM, not encrypted); `None` if `cert_file` holds it."""

    ssl_context: Setting[ssl.SSLContext | None] = Setting(settings.tls_context, None)
    """An `ssl.SSLContext` of your own, in place of the five settings above."""

    assert_hostname: Setting[str | bool | None] = Setting(settings.asserted_name, None)
    """The name that the certificate must have in place of the host's; False for any name."""

    tls_server_name: Setting[str | None] = Setting(settings.server_name, None)
    """The name to ask for by SNI, and to expect in the certificate, in place of the host's."""

    connection_pool_maxsize = Setting(settings.positive, 100)
    """Idle connections to keep for the next call; more may be open while they are in use."""

    proxy: Setting[str | None] = Setting(settings.proxy, None, secret=True)
    """URL of a proxy: `http`, `https`, or with PySocks `socks4`, `socks4a`, `socks5`, `socks5h`; user name and
    password go before the host. `None` leaves it to `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`."""

    no_proxy: Setting[str | None] = Setting(settings.no_proxy, None)
    """Hosts that need no proxy, separated by commas; `*` for all. `None` leaves it to `NO_PROXY`, which counts only
    for a proxy from the environment."""

    proxy_headers: Setting[Mapping[str, Any] | None] = Setting(
        settings.proxy_headers, None, secret=True
    )
    """Headers for the proxy alone."""

    socket_options: Setting[Sequence[tuple[Any, ...]] | None] = Setting(
        settings.socket_options, None
    )
    """Arguments for `socket.setsockopt` in place of TCP_NODELAY, one tuple a call."""

    allow_insecure_http = Setting(settings.flag, default=False)
    """Whether credentials may go over plain http to a host that is not this machine."""

    max_response_bytes = Setting(settings.positive, 10 * 1024 * 1024)
    """Bytes of a decoded body that are read before the call fails; 10 MiB by default."""

    debug = Setting(settings.flag, default=False)
    """Whether the line that is logged for each attempt goes to stderr as well."""

    revision = 0
    """Grows with every assignment, so that what was prepared from the settings knows when it is out of date."""

    renewing: ProcessLock
    """Held by the one thread that renews the access token, for all clients of this configuration."""

    _default: ClassVar[Configuration | None] = None

    def __init__(
        self,
        host: str | None = None,
        access_token: str | TokenSource | None = None,
        *,
        timeout: float | tuple[float, float] | None = None,
        retries: int | urllib3.Retry | None = None,
        verify_ssl: bool | None = None,
        ssl_ca_cert: str | os.PathLike[str] | None = None,
        ca_cert_data: str | bytes | None = None,
        cert_file: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        assert_hostname: str | bool | None = None,
        tls_server_name: str | None = None,
        connection_pool_maxsize: int | None = None,
        proxy: str | None = None,
        no_proxy: str | None = None,
        proxy_headers: Mapping[str, Any] | None = None,
        socket_options: Sequence[tuple[Any, ...]] | None = None,
        allow_insecure_http: bool | None = None,
        max_response_bytes: int | None = None,
        debug: bool | None = None,
    ) -> None:
        vars(self).update({setting.key: setting.default for setting in SETTINGS.values()})
        vars(self)["renewing"] = ProcessLock()
        access_token, proxy, proxy_headers = map(conceal, (access_token, proxy, proxy_headers))
        for name, value in list(locals().items()):
            if name in SETTINGS and value is not None:
                setattr(self, name, value)

    @classmethod
    def from_env(cls, **settings: Any) -> Self:
        """Make a configuration of the environment: `ACCESS_TOKEN`, and `AT_CLIENT_HOST` for another host.

        An empty variable counts as unset.

        Args:
            **settings: Further settings; one that is given here goes before its variable.
        """
        settings = conceal(settings)
        chosen = {
            "access_token": Secret(os.environ.get("ACCESS_TOKEN", "")),
            "host": os.environ.get("AT_CLIENT_HOST") or None,
        } | settings
        configuration = cls()
        for name, value in chosen.items():
            setattr(configuration, name, value)
        return configuration

    @classmethod
    def get_default(cls) -> Configuration:
        """Return the configuration that `ApiClient()` uses, made on first use."""
        if Configuration._default is None:
            Configuration._default = cls()
        return Configuration._default

    @classmethod
    def set_default(cls, default: Configuration | None) -> None:
        """Choose the configuration that `ApiClient()` uses; `None` for a fresh one."""
        Configuration._default = default

    def auth_settings(self) -> dict[str, dict[str, str]]:
        """Return the credentials by security scheme, as generated clients have them: **unsealed**."""
        source = self.access_token
        token = source() if callable(source) else source
        if not isinstance(token, str) or not token:
            return {}
        return {
            "OAuth2PasswordBearer": {
                "type": "oauth2",
                "in": "header",
                "key": "Authorization",
                "value": f"Bearer {token}",
            }
        }

    def to_debug_report(self) -> str:
        """Return what a bug report needs, without secrets."""
        return (
            "Python SDK Debug Report:\n"
            f"OS: {sys.platform}\n"
            f"Python Version: {sys.version}\n"
            f"Version of the API: {__version__}\n"
            f"SDK Package Version: {__version__}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        value = conceal(value)
        setting = SETTINGS.get(name)
        if setting is None:
            from difflib import get_close_matches  # only for who mistyped

            near = "".join(
                f"; did you mean {match!r}?" for match in get_close_matches(name, SETTINGS, n=1)
            )
            raise ApiAttributeError(f"Configuration has no setting {name!r}{near}")
        if isinstance(value, Secret) and not setting.secret:
            value = value.reveal()
        kept = setting.default if value is None else setting.check(name, value)
        vars(self).update({setting.key: kept, "revision": self.revision + 1})

    def __repr__(self) -> str:
        chosen = {name: setting.kept(self) for name, setting in SETTINGS.items()}
        shown = ", ".join(
            f"{name}={_shown(kept)}"
            for name, kept in chosen.items()
            if kept != SETTINGS[name].default
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
        # All that is kept is immutable, or (a context, a token source) meant to be shared.
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()


SETTINGS: dict[str, Setting[Any]] = {
    name: setting for name, setting in vars(Configuration).items() if isinstance(setting, Setting)
}
"""Every setting by name."""


def _shown(kept: object) -> str:
    """Write a value for a `repr`; a callable may hold a secret, and a PEM block is long."""
    if isinstance(kept, Secret | bool | int | float | tuple):
        return repr(kept)
    return repr(kept) if isinstance(kept, str) and len(kept) < 200 else f"<{type(kept).__name__}>"
