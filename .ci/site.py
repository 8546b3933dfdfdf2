"""Bring the pages that live beside docs/ into the documentation site (a hook of MkDocs)."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).parent.parent
NEIGHBOURS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the neighbours, as if they were in docs/; all but the front page go to a folder of their own.

    Otherwise SECURITY.md would write over security.md where the case of a file's name makes no difference.
    """
    for name in NEIGHBOURS:
        file = File.generated(config, name, abs_src_path=str(PROJECT / name))
        if name != "README.md":
            file.dest_uri = f"project/{file.dest_uri}"
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links between the project's folder and docs/ lead to the same pages on the site."""
    inwards = markdown.replace("](docs/", "](")
    return inwards if page.file.src_uri in NEIGHBOURS else inwards.replace("](../", "](")
