"""The settings of the checks agree with each other."""

import re
from typing import Any

import pytest
import yaml

from support.pages import PROJECT

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PYPROJECT["dependency-groups"]


def read_yaml(name: str) -> dict[str, Any]:
    """Return the content of a YAML file of the project."""
    return yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))


@pytest.fixture
def hooks() -> dict[str, Any]:
    """The repositories of pre-commit, by the last part of their names."""
    repos = read_yaml(".pre-commit-config.yaml")["repos"]
    return {repo["repo"].rpartition("/")[2]: repo for repo in repos}


def test_pre_commit_runs_the_pinned_tools(hooks: dict[str, Any]) -> None:
    """Both tools, ruff and mypy, have the same versions in pre-commit as in tox."""
    assert f"ruff=={hooks['ruff-pre-commit']['rev'][1:]}" in GROUPS["lint"]
    assert f"mypy=={hooks['mirrors-mypy']['rev'][1:]}" in GROUPS["types"]


def test_pre_commit_checks_types_with_our_dependencies(
    hooks: dict[str, Any],
) -> None:
    """The hook of mypy installs what the package needs, and some of the types group."""
    (mypy,) = hooks["mirrors-mypy"]["hooks"]
    others = set(mypy["additional_dependencies"]) - set(GROUPS["types"])
    assert others == set(PYPROJECT["project"]["dependencies"])


def test_the_same_pythons_everywhere() -> None:
    """Classifiers, `requires-python`, type checkers and the workflow name the same."""
    project = PYPROJECT["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))

    workflow = read_yaml(".github/workflows/tox.yml")
    assert workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == named

    oldest = named[0]
    assert project["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert PYPROJECT["tool"]["basedpyright"]["pythonVersion"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
