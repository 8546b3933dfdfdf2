"""What each setting may be: one small pure function a kind of value.

Every function takes the name of the setting and the value given, and returns the value to keep. An error names the
setting and what is allowed; it shows the value only where the value can be no secret.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import os
import re
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.fields import Headers, check_header_value, is_visible, text_secret
from at_client.sealed import Secret

if TYPE_CHECKING:
    import urllib3

FOR_EVER = 1_000_000
"""Seconds from which on a time is no limit: an operating system counts milliseconds in 31 bits."""

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"


def check_url(field: str, url: Secret, schemes: tuple[str, ...]) -> SplitResult:
    """Take an absolute URL apart.

    Args:
        field: The name to use in an error.
        url: The URL; it may hold a password.
        schemes: What is allowed before `://`.

    Returns:
        The parts, without user name and password.

    Raises:
        ApiValueError: It is no URL with one of these schemes, a host, and a port from 1 to 65535 if any.
    """
    wanted = f"{field} must be a URL such as {schemes[0]}://api.example.com"
    if not is_visible(url):
        raise ApiValueError(
            f"{wanted}, of visible ASCII characters only (write other names in punycode)"
        )
    try:
        parts = urlsplit(_without_credentials(url).reveal())
        port = parts.port
    except ValueError as error:
        raise ApiValueError(f"{wanted}, with a port from 1 to 65535 if any") from error
    if parts.scheme not in schemes:
        raise ApiValueError(f"{wanted}; the scheme must be {' or '.join(schemes)}")
    if port == 0:
        raise ApiValueError(f"{wanted}, with a port from 1 to 65535 if any")
    if not parts.hostname or not is_host_name(parts.hostname):
        raise ApiValueError(f"{wanted}; what follows {parts.scheme}:// is not a host name")
    return parts


def _without_credentials(url: Secret) -> Secret:
    """Take user name and password out of a URL."""
    if "@" not in url.reveal():
        return url
    return Secret(re.sub(r"(?<=://)[^/?#]*@", "", url.reveal()))


def is_host_name(name: str) -> bool:
    """Say whether this is an IP address or a name that DNS can carry (RFC 1035 section 2.3.4)."""
    try:
        ipaddress.ip_address(name.partition("%")[0])
        return True
    except ValueError:
        labels = name.removesuffix(".").split(".")
        return len(name) <= 253 and all(re.fullmatch(_LABEL, label) for label in labels)


def is_loopback(name: str) -> bool:
    """Say whether a host name can only mean this machine (RFC 6761 section 6.3)."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        name = name.lower().removesuffix(".")
        return name == "localhost" or name.endswith(".localhost")


@functools.lru_cache(maxsize=128)
def exposed_host(url: str) -> str | None:
    """Name the host that a request reaches unencrypted; `None` if it is encrypted, or stays on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return None if parts.scheme == "https" or is_loopback(host) else host


def host(field: str, value: object) -> str:
    """An `http` or `https` URL, a path prefix allowed."""
    url = text_secret(field, value) or Secret("")
    check_url(field, url, ("https", "http"))
    if _without_credentials(url) != url:
        raise ApiValueError(
            f"{field} must not carry a user name or a password; set access_token instead"
        )
    if "?" in url.reveal() or "#" in url.reveal():
        raise ApiValueError(f"{field} must end with its path; a query or a fragment is not allowed")
    return url.reveal().rstrip("/")


def timeout(field: str, value: object) -> float | tuple[float, float]:
    """Seconds above zero, `math.inf` for no limit; or a pair of them, (connect, read)."""
    if isinstance(value, tuple | list) and len(value) == 2:
        return _seconds(f"{field}[0] (connect)", value[0]), _seconds(f"{field}[1] (read)", value[1])
    return _seconds(field, value)


def _seconds(field: str, value: object) -> float:
    allowed = "seconds above zero (math.inf for no limit), or a pair of them: (connect, read)"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ApiTypeError(f"{field} must be {allowed}; not {type(value).__name__}")
    if not value > 0:  # NaN is not, either
        raise ApiValueError(f"{field} must be {allowed}; not {value}")
    return float(value) if value < FOR_EVER else math.inf


def retries(field: str, value: object) -> int | urllib3.Retry:
    """A whole number, 0 for none; or a `urllib3.Retry`, known by what it does: settings open no library."""
    if hasattr(value, "increment") and hasattr(value, "is_retry"):
        return value  # type: ignore[return-value]  # a urllib3.Retry
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiTypeError(
            f"{field} must be a whole number or a urllib3.Retry, not {type(value).__name__}"
        )
    if value < 0:
        raise ApiValueError(f"{field} must be 0 or more, not {value}")
    return value


def positive(field: str, value: object) -> int:
    """A whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiTypeError(f"{field} must be a whole number, not {type(value).__name__}")
    if value < 1:
        raise ApiValueError(f"{field} must be 1 or more, not {value}")
    return value


def flag(field: str, value: object) -> bool:
    """True or False, and nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ApiTypeError(f"{field} must be True or False, not {type(value).__name__}")
    return value


def readable_file(field: str, value: object) -> str:
    """The path of a file that is there."""
    if not isinstance(value, str | os.PathLike):
        raise ApiTypeError(f"{field} must be a path, not {type(value).__name__}")
    path = os.path.expanduser(os.fspath(value))
    if not os.path.isfile(path):
        raise ApiValueError(f"{field} must be a file that exists; there is none at {path!r}")
    return str(path)


def certificates(field: str, value: object) -> str | bytes:
    """CA certificates, PEM as text or DER as bytes."""
    if isinstance(value, bytes) and value.lstrip().startswith(b"-----BEGIN"):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str | bytes):
        raise ApiTypeError(f"{field} must be PEM text or DER bytes, not {type(value).__name__}")
    return value


def tls_context(field: str, value: object) -> ssl.SSLContext:
    """A context of the user's own."""
    if not isinstance(value, ssl.SSLContext):
        raise ApiTypeError(f"{field} must be an ssl.SSLContext, not {type(value).__name__}")
    return value


def server_name(field: str, value: object) -> str:
    """A host name as certificates and SNI have it."""
    if not isinstance(value, str):
        raise ApiTypeError(f"{field} must be a host name, not {type(value).__name__}")
    if not is_host_name(value):
        raise ApiValueError(f"{field} must be a host name, such as api.example.com")
    return value


def asserted_name(field: str, value: object) -> str | bool | None:
    """The name that the certificate must have; False for any, True for the host's own."""
    if isinstance(value, bool):
        return False if value is False else None
    return server_name(field, value)


def no_proxy(field: str, value: object) -> str:
    """Hosts separated by commas."""
    if not isinstance(value, str):
        raise ApiTypeError(f"{field} must be hosts separated by commas, not {type(value).__name__}")
    return value


def proxy(field: str, value: object) -> Secret | None:
    """The URL of a proxy, sealed for the password that it may carry; `http://` may be left out."""
    secret = text_secret(field, value)
    if secret is None:
        return None
    if "://" not in secret.reveal():
        secret = Secret(f"http://{secret.reveal()}")
    check_url(field, secret, PROXY_SCHEMES)
    return secret


def proxy_headers(field: str, value: object) -> Headers:
    """Headers for the proxy alone."""
    if not isinstance(value, Mapping):
        raise ApiTypeError(
            f"{field} must be a mapping of header names to values, not {type(value).__name__}"
        )
    return Headers(value)


def socket_options(field: str, value: object) -> tuple[tuple[Any, ...], ...]:
    """Arguments of `socket.setsockopt`, one tuple a call."""
    allowed = (
        f"{field} must be a list of (level, option, value) tuples, as socket.setsockopt takes them"
    )
    if not isinstance(value, tuple | list):
        raise ApiTypeError(f"{allowed}; not {type(value).__name__}")
    for option in value:
        if not isinstance(option, tuple | list) or len(option) not in (3, 4):
            raise ApiValueError(allowed)
    return tuple(tuple(option) for option in value)


def access_token(field: str, value: object) -> Any:
    """A bearer token, sealed; or a source: a callable that gives one, or what fetches one over the client."""
    if callable(value) or hasattr(value, "token"):
        return value
    secret = text_secret(field, value)
    if secret is not None:
        check_header_value(field, secret)
    return secret
