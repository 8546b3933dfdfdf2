"""Pure rules: which proxy, if any, stands between here and a host."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def environment_proxy(environ: Mapping[str, str], scheme: str) -> str | None:
    """Take the proxy for a scheme from the environment.

    The scheme's own variable goes before `ALL_PROXY`, small letters before capitals. `HTTP_PROXY` in capitals is left
    alone where a web server could have made it of a request header (CGI; CVE-2016-5385).

    Args:
        environ: The environment variables.
        scheme: `http` or `https`.

    Returns:
        The variable's value; `None` if there is none or it is empty.
    """
    for name in (f"{scheme}_proxy", "all_proxy"):
        capitals = (
            None
            if name == "http_proxy" and "REQUEST_METHOD" in environ
            else environ.get(name.upper())
        )
        if proxy := environ.get(name, capitals):
            return proxy
    return None


def environment_no_proxy(environ: Mapping[str, str]) -> str:
    """Take the hosts that need no proxy from the environment; empty for none."""
    return environ.get("no_proxy", environ.get("NO_PROXY", ""))


def needs_no_proxy(host: str, port: int, no_proxy: str) -> bool:
    """Say whether a host is reached directly.

    Args:
        host: A host name or an IP address, without brackets.
        port: Its port.
        no_proxy: Entries separated by commas: `*`, a name (with all names under it), an address, a network such as
            `10.0.0.0/8`; a name or an address may be followed by a port.

    Examples:
        >>> needs_no_proxy("api.example.com", 443, "localhost, .example.com")
        True
        >>> needs_no_proxy("example.community", 443, "example.com")
        False
    """
    host = host.lower().rstrip(".")
    return any(_matches(host, port, entry.strip().lower()) for entry in no_proxy.split(","))


def _matches(host: str, port: int, entry: str) -> bool:
    if entry in ("", "*"):
        return entry == "*"
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # a name on one side or the other, or a port behind the entry
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdecimal():
        if int(digits) != port:
            return False
        entry = name.strip("[]")
    entry = entry.lstrip("*").strip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
