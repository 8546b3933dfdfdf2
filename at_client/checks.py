"""Pure rules: what each setting can be.

Each check takes the name of a setting and its value, and returns what to store, or
raises. An error names the setting and what is allowed; it shows the value only where
that cannot be a secret.
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

LONGEST_TIMEOUT_SECONDS = 1_000_000
"""Systems count milliseconds in 31 bits; a longer time limit is no limit."""

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

_VISIBLE = re.compile(r"[!-~]*")
_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:(?!-)[\w-]{1,63}(?<!-)(?:\.|$))+", re.ASCII)
_LOOPBACK = re.compile(
    r"(?i)(?:.+\.)?localhost\.?|::1|127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}", re.ASCII
)
_USER_INFO = re.compile(r"(?<=://)[^/?#]*@")
_PROXY_USER = re.compile(r"[^/?#\x00- \x7f-\U0010ffff]*")
_BEARER_OR_QUOTED = re.compile(r"""(?i)bearer |(['"]).*\1$""")


def check_url(field: str, url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Split an absolute URL, whose user name and password no message shows.

    Args:
        field: What to call the URL in an error.
        url: The URL.
        schemes: The schemes that it can have, the usual one first.
    """
    wanted = f"{field} must be a URL such as {schemes[0]}://api.example.com"
    if not _VISIBLE.fullmatch(url):
        raise ApiValueError(
            f"{wanted}, of visible ASCII characters only (write other names in "
            "punycode)"
        )

    scheme = url.partition("://")[0].lower()
    if scheme not in schemes:
        raise ApiValueError(f"{wanted}; the scheme must be {' or '.join(schemes)}")

    with contextlib.suppress(ValueError):
        parts = urlsplit(_USER_INFO.sub("", url))
        if parts.port != 0 and is_host_name(parts.hostname or ""):
            return parts
    raise ApiValueError(
        f"{wanted}; what follows {scheme}:// must be a host name, with a port from 1 "
        "to 65535 if any"
    )


def is_host_name(name: str) -> bool:
    """Return whether a name is an IP address or fits into DNS (RFC 1035 2.3.4)."""
    if _HOST_NAME.fullmatch(name):
        return True
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Return whether a host name can only mean this machine (RFC 6761 section 6.3)."""
    return _LOOPBACK.fullmatch(name) is not None


def check_host(field: str, value: object) -> str:
    """Accept an `http` or `https` URL; a path prefix is allowed."""
    url: str = _check_type(field, value, str, "a URL")
    parts = check_url(field, url, ("https", "http"))
    if _USER_INFO.search(url) or parts.query or parts.fragment or url[-1:] in "?#":
        raise ApiValueError(
            f"{field} must not have a user name or a password (set access_token), "
            "query or fragment"
        )
    return url.rstrip("/")


def check_access_token(field: str, value: object) -> Any:
    """Accept a bearer token, or a callable that returns it; an empty one is none."""
    if callable(value):
        return value

    token = _check_type(field, value, str, "a str or a callable")
    if _BEARER_OR_QUOTED.match(token):
        raise ApiValueError(
            f"{field} must be the token alone, without 'Bearer ' in front of it or "
            "quotes around it"
        )
    return check_header_value(field, token) or None


def check_timeout(field: str, value: object) -> float | tuple[float, float]:
    """Accept seconds above zero, `math.inf` for no limit; or a pair of them."""
    if isinstance(value, tuple | list) and len(value) == 2:
        connect = _check_seconds(f"{field}[0] (connect)", value[0])
        read = _check_seconds(f"{field}[1] (read)", value[1])
        return connect, read
    return _check_seconds(field, value)


def _check_seconds(field: str, value: object) -> float:
    wanted = (
        "seconds above zero (math.inf for no limit), or a pair of them: (connect, read)"
    )
    seconds = _check_type(field, value, int | float, wanted)
    if not seconds > 0:  # NaN is not, either
        raise ApiValueError(f"{field} must be {wanted}, not {value}")
    return float(seconds) if seconds < LONGEST_TIMEOUT_SECONDS else math.inf


def check_retries(field: str, value: object) -> int | urllib3.Retry:
    """Accept a whole number, `False` for 0, or a `urllib3.Retry`."""
    if value is False:
        return 0
    if isinstance(value, urllib3.Retry):
        return value
    wanted = "a whole number, False or a urllib3.Retry"
    number: int = _check_type(field, value, int, wanted)
    return _check_least(field, number, 0)


def check_positive(field: str, value: object) -> int:
    """Accept a whole number from 1 on."""
    number: int = _check_type(field, value, int, "a whole number")
    return _check_least(field, number, 1)


def _check_least(field: str, number: int, least: int) -> int:
    if number < least:
        raise ApiValueError(f"{field} must be {least} or more, not {number}")
    return number


def check_bool(field: str, value: object) -> bool:
    """Accept `True` and `False`, and 0 and 1 as the environment may have them."""
    if value in (0, 1, "0", "1"):
        return value in (1, "1")
    raise ApiTypeError(f"{field} must be True or False, not {type(value).__name__}")


def check_file(field: str, value: object) -> str | None:
    """Accept the path of a file that exists; an empty one is none."""
    path: Any = _check_type(field, value, str | os.PathLike, "a path")
    name: str = os.path.expanduser(os.fspath(path))
    if name and not os.path.isfile(name):
        raise ApiValueError(
            f"{field} must be a file that exists; there is none at {name!r}"
        )
    return name or None


def check_certificates(field: str, value: object) -> str | bytes | None:
    """Accept CA certificates, PEM as text or DER as bytes; empty ones are none."""
    data: Any = _check_type(field, value, str | bytes, "PEM text or DER bytes")
    if isinstance(data, bytes) and data.lstrip().startswith(b"-----BEGIN"):
        data = data.decode("ascii", "replace")
    return data or None


def check_server_name(field: str, value: object) -> str | None:
    """Accept a host name as certificates and SNI have it; an empty one is none."""
    name: str = _check_type(field, value, str, "a host name")
    if name and not is_host_name(name):
        raise ApiValueError(f"{field} must be a host name, such as api.example.com")
    return name or None


def check_asserted_name(field: str, value: object) -> str | bool | None:
    """Accept the name in a certificate; `False` for any, `True` for the host's own."""
    if value is False:
        return False
    if value is True:
        return None
    return check_server_name(field, value)


def check_proxy(field: str, value: object) -> str:
    """Accept the URL of a proxy, `http` without a scheme; an empty one is for none."""
    url: str = _check_type(field, value, str, "a URL")
    if not url:
        return url

    if "://" not in url:
        url = f"http://{url}"
    if url.startswith("socks://"):  # as desktops write it into ALL_PROXY
        url = url.replace("socks://", "socks5h://", 1)

    scheme, _, rest = url.partition("://")
    user_info, _, address = rest.rpartition("@")
    if not _PROXY_USER.fullmatch(user_info):
        raise ApiValueError(
            f"{field} must have its user name and password percent-encoded"
        )
    check_url(field, f"{scheme}://{address}", PROXY_SCHEMES)
    return url


def check_no_proxy(field: str, value: object) -> str:
    """Accept hosts separated by commas."""
    hosts: str = _check_type(field, value, str, "hosts separated by commas")
    return hosts


def check_proxy_headers(field: str, value: object) -> dict[str, str]:
    """Accept a mapping of headers."""
    return check_headers(_check_type(field, value, Mapping, "a mapping of headers"))


def check_ssl_context(field: str, value: object) -> ssl.SSLContext:
    """Accept an `ssl.SSLContext`."""
    context: ssl.SSLContext = _check_type(
        field, value, ssl.SSLContext, "an ssl.SSLContext"
    )
    return context


def check_socket_options(field: str, value: object) -> list[tuple[Any, ...]]:
    """Accept arguments of `socket.setsockopt`, one tuple per call."""
    wanted = "a list of (level, option, value) tuples, as socket.setsockopt takes them"
    options = _check_type(field, value, tuple | list, wanted)
    for option in options:
        if not isinstance(option, tuple | list) or len(option) not in (3, 4):
            raise ApiValueError(f"{field} must be {wanted}")
    return [tuple(option) for option in options]


def _check_type(field: str, value: object, kind: Any, wanted: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):  # a bool is an int
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
    "ssl_context": check_ssl_context,
    "assert_hostname": check_asserted_name,
    "tls_server_name": check_server_name,
    "connection_pool_maxsize": check_positive,
    "proxy": check_proxy,
    "no_proxy": check_no_proxy,
    "proxy_headers": check_proxy_headers,
    "socket_options": check_socket_options,
    "allow_insecure_http": check_bool,
    "max_response_bytes": check_positive,
    "debug": check_bool,
}
"""Setting -> the function that returns the value to store, or raises."""
