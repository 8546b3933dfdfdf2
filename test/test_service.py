"""The stand-in for the service keeps to openapi.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.service import (
    Memory,
    make_app,
)


def leave_out(part: Any, key: str) -> Any:
    """Copy JSON without a key, at any depth."""
    if isinstance(part, list):
        return [leave_out(value, key) for value in part]
    if not isinstance(part, dict):
        return part

    kept = part.keys() - {key}
    return {name: leave_out(part[name], key) for name in kept}


PARTS = [
    "paths",
    "components",
    "info",
]


@pytest.mark.parametrize("part", PARTS)
def test_the_application_is_the_published_document(part: str, project: Path) -> None:
    """FastAPI says of the application what openapi.json says, descriptions aside."""
    document = json.loads((project / "openapi.json").read_text())
    published = leave_out(document[part], "description")
    ours = make_app(Memory()).openapi()

    assert leave_out(ours[part], "description") == published
