"""Let tools that still ask for a setup.py build the package; pyproject.toml is the truth."""

from setuptools import setup

setup()
