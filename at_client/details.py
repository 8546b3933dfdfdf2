"""Pure rules: what the body of a failed call says, as one line for an error message."""

import json
import re
from typing import Any

MAX_DETAIL_CHARACTERS = 300
"""How much of the service's own explanation a message quotes."""

MAX_TITLE_SEARCH_CHARACTERS = 4096
"""How far into an HTML page its title is looked for."""

_TITLE = re.compile(r"(?i)<title[^<>]*>([^<>]*)</title")


def find_detail(body: Any) -> str:
    """Return what the body of an error says; an empty text if it says nothing.

    Args:
        body: The text of the body, as JSON (`detail`, or the `error` of RFC 6749
            section 5.2) or as an HTML page. Anything but a `str` says nothing.

    Examples:
        >>> find_detail('{"detail": "Not authenticated"}')
        'Not authenticated'
        >>> find_detail("<html><title>502 Bad Gateway</title></html>")
        '502 Bad Gateway'
    """
    if not isinstance(body, str):
        return ""

    try:
        detail = _read_json_detail(json.loads(body))
    except (ValueError, TypeError, LookupError, RecursionError):
        detail = find_page_title(body)

    return shorten(detail)


def _read_json_detail(fields: Any) -> str:
    """Return what an error object says, or raise an error if it says nothing."""
    if "detail" not in fields:
        words = [fields[key] for key in ("error", "error_description") if key in fields]
        return ": ".join(words)

    detail = fields["detail"]
    if isinstance(detail, list):
        first = detail[0]
        place = ".".join(str(step) for step in first["loc"])
        return f"{place}: {first['msg']}"

    if not isinstance(detail, str):
        raise TypeError("detail is no text")
    return detail


def find_page_title(page: str) -> str:
    """Return the title of an HTML page; an empty text if it has none."""
    from html import unescape  # few errors are pages

    title = _TITLE.search(page[:MAX_TITLE_SEARCH_CHARACTERS])
    return unescape(title[1]) if title else ""


def shorten(text: str) -> str:
    """Return a text as one printable line without its final period, cut if long."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split()).rstrip(".")

    if len(line) > MAX_DETAIL_CHARACTERS:
        return f"{line[:MAX_DETAIL_CHARACTERS]}…"
    return line
