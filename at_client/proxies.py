"""Which proxy is in front of a host: that of the settings or the environment."""

import base64
import contextlib
import ipaddress
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from at_client.checks import check_proxy, is_loopback
from at_client.headers import find_credentials

_HAS_SYSTEM_SETTINGS = sys.platform in ("win32", "darwin")


class Proxy(NamedTuple):
    """A proxy, with the credentials that were in its URL apart from it."""

    url: str
    """Scheme, host and port; no user name, no password."""

    user: str | None
    """The user name; `None` without one."""

    password: str | None
    """The password; `None` without one."""

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS; if not, it speaks HTTP."""
        return self.url.startswith("socks")

    def make_headers(self, configured: Mapping[str, str] | None) -> dict[str, str]:
        """Return the headers that only the proxy gets.

        Args:
            configured: `Configuration.proxy_headers`; the user name and the password
                are added to these (RFC 7617).
        """
        headers = dict(configured or {})
        if self.user is not None:
            pair = f"{self.user}:{self.password or ''}"
            encoded = base64.b64encode(pair.encode()).decode()
            headers["Proxy-Authorization"] = f"Basic {encoded}"
        return headers

    def find_secrets(self, configured: Mapping[str, str] | None) -> list[str]:
        """Return what the proxy is sent, and no error must repeat."""
        secrets = find_credentials(self.make_headers(configured))
        if self.password:
            secrets.append(self.password)
        return secrets


def split_proxy(url: str) -> Proxy:
    """Take the user name and the password out of the URL of a proxy.

    Examples:
        >>> split_proxy("http://ada:p%40ss@proxy.example:3128/")
        Proxy(url='http://proxy.example:3128', user='ada', password='p@ss')
    """
    scheme, _, rest = url.partition("://")
    user_info, at, address = rest.rpartition("@")
    bare = f"{scheme.lower()}://{address.partition('/')[0]}"
    if not at:
        return Proxy(bare, None, None)

    user, colon, password = user_info.partition(":")
    return Proxy(bare, unquote(user), unquote(password) if colon else None)


def choose_proxy(
    scheme: str, host: str, port: int, proxy: str | None, no_proxy: str | None
) -> Proxy | None:
    """Return the proxy in front of a host; `None` for none.

    Args:
        scheme: `http` or `https`.
        host: A host name or an address, without brackets.
        port: Its port.
        proxy: `Configuration.proxy`; `None` uses the environment, "" no proxy.
        no_proxy: `Configuration.no_proxy`; `None` uses `NO_PROXY`.

    Raises:
        ApiTypeError, ApiValueError: A variable of the environment is no URL.
    """
    environment = read_environment()
    if proxy is None:
        if is_loopback(host):  # its traffic must not leave this machine
            return None
        proxy = _read_proxy(environment, scheme)
    if not proxy:
        return None

    excluded = environment.get("no", "") if no_proxy is None else no_proxy
    if is_excluded(host, port, excluded) or _is_excluded_by_system(host, environment):
        return None
    return split_proxy(proxy)


def read_environment() -> dict[str, str]:
    """Return the proxies by scheme, with `no`, as the standard library reads them."""
    variables = any(name.lower().endswith("_proxy") for name in os.environ)
    if not variables and not _HAS_SYSTEM_SETTINGS:
        return {}

    from urllib.request import getproxies  # 10 ms that few need

    return getproxies()


def _read_proxy(environment: dict[str, str], scheme: str) -> str:
    """Return the URL of the environment's proxy for a scheme; "" for none."""
    name = scheme if environment.get(scheme) else "all"
    url = environment.get(name)
    if not url:
        return ""

    variables = (f"{name}_proxy", f"{name.upper()}_PROXY")
    found = [variable for variable in variables if os.environ.get(variable) == url]
    source = f"{found[0]} in the environment" if found else "the system's proxy"
    return check_proxy(source, url)


def is_excluded(host: str, port: int, no_proxy: str) -> bool:
    """Return whether a `NO_PROXY` list says to reach a host without a proxy.

    Args:
        host: A host name or an address, without brackets.
        port: Its port.
        no_proxy: Names (which stand for what is below them, too), addresses, networks
            such as `10.0.0.0/8`, each with a port if only that is meant, separated by
            commas; `*` for all hosts.

    Examples:
        >>> is_excluded("api.example.com", 443, "*.example.com, 10.0.0.0/8")
        True
    """
    entries = [tidy_entry(entry) for entry in no_proxy.split(",")]
    if "*" in entries:
        return True
    if any(is_in_network(host, entry) for entry in entries):
        return True
    if not any(entries):
        return False

    from urllib import request

    # typeshed leaves it out.
    is_bypassed: Any = request.proxy_bypass_environment  # type: ignore[attr-defined]

    literal = f"[{host}]" if ":" in host else host.rstrip(".")
    return bool(is_bypassed(f"{literal}:{port}", {"no": ",".join(entries)}))


def tidy_entry(entry: str) -> str:
    """Write an entry of a `NO_PROXY` list as the standard library understands it.

    Examples:
        >>> [
        ...     tidy_entry(entry)
        ...     for entry in (" * ", "*.example.com.", "::1", "[::1]:80")
        ... ]
        ['*', 'example.com', '[::1]', '[::1]:80']
    """
    entry = entry.strip()
    if entry == "*" or "/" in entry:
        return entry

    with contextlib.suppress(ValueError):
        return f"[{ipaddress.IPv6Address(entry)}]"
    name, colon, port = entry.partition(":")
    if name.startswith("["):
        return entry.lower()
    return f"{name.lstrip('*').strip('.')}{colon}{port}"


def is_in_network(host: str, entry: str) -> bool:
    """Return whether a host is an address in a network such as `10.0.0.0/8`."""
    if "/" not in entry:
        return False
    try:
        network = ipaddress.ip_network(
            entry.replace("[", "").replace("]", ""), strict=False
        )
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _is_excluded_by_system(host: str, environment: dict[str, str]) -> bool:
    """Return whether the settings of Windows or macOS exclude a host."""
    if not _HAS_SYSTEM_SETTINGS or "no" in environment:
        return False

    from urllib.request import proxy_bypass

    return bool(proxy_bypass(host))


def find_exposed_host(scheme: str, host: str, proxy: Proxy | None) -> str | None:
    """Return which other machine reads a request unencrypted; `None` for none.

    Args:
        scheme: `http` or `https`.
        host: Where the request goes.
        proxy: The proxy in between; `None` for none.
    """
    if scheme == "https":
        return None
    if not is_loopback(host):
        return host
    if proxy is None or proxy.url.startswith("https"):
        return None

    proxy_host = urlsplit(proxy.url).hostname or ""
    return None if is_loopback(proxy_host) else proxy_host
