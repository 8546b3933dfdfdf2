"""Pure rules: what each setting can be.

Each check takes the name of a setting and its value, and returns what to store, or raises. An error names the setting
and what is allowed; it shows the value only where that cannot be a secret.
"""

import contextlib
import ipaddress
import math
import os
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3

from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.headers import check_header_value, check_headers

_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:(?!-)[\w-]{1,63}(?<!-)(?:\.|$))+", re.ASCII)
_LOOPBACK = re.compile(
    r"(?i)(?:.+\.)?localhost\.?|::1|127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}", re.ASCII
)


def check_url(field: str, url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Split an absolute URL, whose user name and password no message shows."""
    wanted = f"{field} must be a URL such as {schemes[0]}://api.example.com"
    if not re.fullmatch("[!-~]*", url):
        raise ApiValueError(
            f"{wanted}, of visible ASCII characters only (write other names in punycode)"
        )
    scheme = url.partition("://")[0].lower()
    if scheme not in schemes:
        raise ApiValueError(f"{wanted}; the scheme must be {' or '.join(schemes)}")
    with contextlib.suppress(ValueError):
        parts = urlsplit(re.sub(r"(?<=://)[^/?#]*@", "", url))
        if parts.port != 0 and is_host_name(parts.hostname or ""):
            return parts
    raise ApiValueError(
        f"{wanted}; what follows {scheme}:// must be a host name, with a port from 1 to 65535 if any"
    )


def is_host_name(name: str) -> bool:
    """Return whether this is an IP address or a name that DNS can carry (RFC 1035 section 2.3.4)."""
    with contextlib.suppress(ValueError):
        return bool(_HOST_NAME.fullmatch(name) or ipaddress.IPv6Address(name))
    return False


def is_loopback(name: str) -> bool:
    """Return whether a host name can only mean this machine (RFC 6761 section 6.3)."""
    return _LOOPBACK.fullmatch(name) is not None


def check_host(field: str, value: object) -> str:
    """Accept an `http` or `https` URL; a path prefix is allowed."""
    url: str = _check_type(field, value, str, "a URL")
    check_url(field, url, ("https", "http"))
    if re.search(r"[?#]|://[^/]*@", url):
        raise ApiValueError(
            f"{field} must not have a user name or a password (set access_token), query or fragment"
        )
    return url.rstrip("/")


def check_access_token(field: str, value: object) -> Any:
    """Accept a bearer token, or a source: a callable that gives one, or an object that fetches one."""
    if callable(value) or hasattr(value, "fetch_token"):
        return value
    token = _check_type(field, value, str, "a str, a callable or a PasswordGrant")
    if re.match(r"""(?i)bearer |(['"]).*\1$""", token):
        raise ApiValueError(
            f"{field} must be the token alone, without 'Bearer ' in front of it or quotes around it"
        )
    return check_header_value(field, token)


def check_timeout(field: str, value: object) -> float | tuple[float, float]:
    """Accept seconds above zero, `math.inf` for no limit; or a pair of them, (connect, read)."""
    if isinstance(value, tuple | list) and len(value) == 2:
        return _check_seconds(f"{field}[0] (connect)", value[0]), _check_seconds(
            f"{field}[1] (read)", value[1]
        )
    return _check_seconds(field, value)


def _check_seconds(field: str, value: object) -> float:
    wanted = (
        "seconds above zero (math.inf for no limit), or a pair of them: (connect, read)"
    )
    seconds = _check_type(field, value, int | float, wanted)
    if not seconds > 0:  # NaN is not, either
        raise ApiValueError(f"{field} must be {wanted}, not {value}")
    return (
        float(seconds) if seconds < 1_000_000 else math.inf
    )  # systems count milliseconds in 31 bits


def check_retries(field: str, value: object) -> int | urllib3.Retry:
    """Accept a whole number, `False` for 0, or a `urllib3.Retry`."""
    if value is False or isinstance(value, urllib3.Retry):
        return value or 0
    return check_number(field, value, 0, "a whole number, False or a urllib3.Retry")


def check_number(
    field: str, value: object, least: int = 1, wanted: str = "a whole number"
) -> int:
    """Accept a whole number that is not too small."""
    number: int = _check_type(field, value, int, wanted)
    if number < least:
        raise ApiValueError(f"{field} must be {least} or more, not {number}")
    return number


def check_bool(field: str, value: object) -> bool:
    """Accept `True` and `False`, and 0 and 1 as the environment may have them."""
    if value in (0, 1, "0", "1"):
        return value in (1, "1")
    raise ApiTypeError(f"{field} must be True or False, not {type(value).__name__}")


def check_file(field: str, value: object) -> str:
    """Accept the path of a file that exists."""
    path: str = os.path.expanduser(
        os.fspath(_check_type(field, value, str | os.PathLike, "a path"))
    )
    if not os.path.isfile(path):
        raise ApiValueError(
            f"{field} must be a file that exists; there is none at {path!r}"
        )
    return path


def check_certificates(field: str, value: object) -> str | bytes:
    """Accept CA certificates, PEM as text or DER as bytes."""
    data: Any = _check_type(field, value, str | bytes, "PEM text or DER bytes")
    is_pem = isinstance(data, bytes) and data.lstrip().startswith(b"-----BEGIN")
    return data.decode("ascii", "replace") if is_pem else data  # type: ignore[no-any-return]  # checked above


def check_server_name(field: str, value: object) -> str:
    """Accept a host name as certificates and SNI have it."""
    name: str = _check_type(field, value, str, "a host name")
    if not is_host_name(name):
        raise ApiValueError(f"{field} must be a host name, such as api.example.com")
    return name


def check_asserted_name(field: str, value: object) -> str | bool | None:
    """Accept the name that a certificate must have; `False` for any, `True` for the host's own."""
    return (
        (None if value else False)
        if isinstance(value, bool)
        else check_server_name(field, value)
    )


def check_proxy(field: str, value: object) -> str:
    """Accept the URL of a proxy; without a scheme it is `http`."""
    url = _check_type(field, value, str, "a URL")
    url = url if "://" in url else f"http://{url}"
    check_url(field, url, ("http", "https", "socks4", "socks4a", "socks5", "socks5h"))
    return url


def check_socket_options(field: str, value: object) -> tuple[tuple[Any, ...], ...]:
    """Accept arguments of `socket.setsockopt`, one tuple per call."""
    wanted = "a list of (level, option, value) tuples, as socket.setsockopt takes them"
    options = _check_type(field, value, tuple | list, wanted)
    if not all(
        isinstance(option, tuple | list) and len(option) in (3, 4) for option in options
    ):
        raise ApiValueError(f"{field} must be {wanted}")
    return tuple(tuple(option) for option in options)


def _check_type(field: str, value: object, kind: Any, wanted: str) -> Any:
    if isinstance(value, bool) or not isinstance(
        value, kind
    ):  # to Python, True is a number
        raise ApiTypeError(f"{field} must be {wanted}, not {type(value).__name__}")
    return value


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "host": check_host,
    "access_token": check_access_token,
    "timeout": check_timeout,
    "retries": check_retries,
    "verify_ssl": check_bool,
    "ssl_ca_cert": check_file,
    "ca_cert_data": check_certificates,
    "cert_file": check_file,
    "key_file": check_file,
    "ssl_context": lambda field, value: _check_type(
        field, value, ssl.SSLContext, "an ssl.SSLContext"
    ),
    "assert_hostname": check_asserted_name,
    "tls_server_name": check_server_name,
    "connection_pool_maxsize": check_number,
    "proxy": check_proxy,
    "no_proxy": lambda field, value: _check_type(
        field, value, str, "hosts separated by commas"
    ),
    "proxy_headers": lambda field, value: check_headers(
        _check_type(field, value, Mapping, "a mapping of headers")
    ),
    "socket_options": check_socket_options,
    "allow_insecure_http": check_bool,
    "max_response_bytes": check_number,
    "debug": check_bool,
}
"""Setting -> the function that returns the value to store, or raises."""
