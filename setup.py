"""Build the package with a README whose links work on a package index.

Relative links lead nowhere there. With SITE_URL, the address of the documentation site
with a trailing slash, they lead to the site; without it, only their text is left.
Everything else is in pyproject.toml.
"""

import os
import re
from pathlib import Path

from setuptools import setup


def on_site(link: re.Match[str]) -> str:
    """Return a link such as `[Errors](docs/errors.md#tree)` as it is on the site."""
    text, folder, page, anchor = link.groups(default="")

    site = os.environ.get("SITE_URL")
    if not site:
        return text

    return f"[{text}]({site}{page if folder else 'project/' + page}/{anchor})"


readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
setup(
    long_description=re.sub(
        r"\[([^]]+)\]\((docs/)?(\w[\w-]*)(?:\.md)?(#[\w-]+)?\)", on_site, readme
    ),
    long_description_content_type="text/markdown",
)
