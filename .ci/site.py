"""MkDocs hook: add the pages that live beside docs/, and check the images."""

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).parent.parent
NEIGHBOURS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
IMAGE = re.compile(r"""<img\b[^>]*\bsrc=["']([^"':]+)["']""")

logger = logging.getLogger("mkdocs.hooks.site")  # --strict counts its warnings


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages as if they were in docs/.

    All but the front page go into the folder `project`: SECURITY.md would otherwise
    overwrite security.md on file systems that ignore case.
    """
    for name in NEIGHBOURS:
        file = File.generated(config, name, abs_src_path=str(PROJECT / name))
        if name != "README.md":
            file.dest_uri = f"project/{file.dest_uri}"
        files.append(file)

    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Rewrite links between the project's folder and docs/ for the site."""
    if page.file.src_uri in NEIGHBOURS:
        return markdown.replace("](docs/", "](")

    return markdown.replace("](docs/", "](").replace("](../", "](")


def on_post_build(config: MkDocsConfig) -> None:
    """Warn about missing images: MkDocs checks only those written in Markdown."""
    site = Path(config.site_dir)

    for page in site.rglob("*.html"):
        for source in IMAGE.findall(page.read_text(encoding="utf-8")):
            if not (page.parent / source).exists():
                logger.warning(
                    "%s shows a missing image: %s", page.relative_to(site), source
                )
