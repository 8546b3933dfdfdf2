"""The version of the package, and of the API document that it is written for."""

__version__ = "1.0.0"

USER_AGENT = f"at-client/{__version__}"
"""How the client names itself to a service (RFC 9110 section 10.1.5)."""
