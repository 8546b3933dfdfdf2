"""The sandbox keeps to openapi.json, whatever schemathesis makes of that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import settings

from at_client.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = schemathesis.openapi.from_path(Path(__file__).parent.parent / "openapi.json")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """One sandbox for every example."""
    with Sandbox() as sandbox:
        yield sandbox


@SCHEMA.parametrize()
@settings(deadline=None, max_examples=50)
def test_answers_fit_the_document(case: schemathesis.Case, running: Sandbox) -> None:
    """No undocumented status and no body outside its schema, for good and for odd requests."""
    headers = {"Authorization": f"Bearer {running.token}"}
    case.call_and_validate(base_url=running.url, headers=headers)


@pytest.mark.parametrize("status", [200, 422, 500])
def test_scripted_answers_fit_the_document(status: int, running: Sandbox) -> None:
    """The bodies that the sandbox sends with the documented statuses are the documented ones."""
    if status != 200:
        running.fail(status)
    case = SCHEMA["/api/v1/credits"]["GET"].Case()
    response = case.call(base_url=running.url, headers={"Authorization": f"Bearer {running.token}"})
    assert response.status_code == status
    case.operation.validate_response(response)
