"""MkDocs hook: add the pages that live beside docs/ to the documentation site."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).parent.parent
NEIGHBOURS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages as if they were in docs/; all but the front page go into the folder `project`.

    Otherwise SECURITY.md would overwrite security.md on file systems that ignore case.
    """
    for name in NEIGHBOURS:
        file = File.generated(config, name, abs_src_path=str(PROJECT / name))
        if name != "README.md":
            file.dest_uri = f"project/{file.dest_uri}"
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Rewrite links between the project's folder and docs/ for the site."""
    inwards = markdown.replace("](docs/", "](")
    return (
        inwards if page.file.src_uri in NEIGHBOURS else inwards.replace("](../", "](")
    )
