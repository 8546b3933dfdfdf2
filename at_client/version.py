"""The version of the package, and of the API document that it is written for."""

__version__ = "1.0.0"
