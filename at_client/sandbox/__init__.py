"""The credits API on loopback: for trying things out, and for tests of code that uses the client.

Examples:
    >>> from at_client.sandbox import Sandbox
    >>> with Sandbox() as sandbox:
    ...     sandbox.fail(status=503, times=2, retry_after=1)
    ...     sandbox.url.startswith("http://127.0.0.1:")
    True
"""

from at_client.sandbox.server import Fault, Sandbox
from at_client.sandbox.service import Account, Request

__all__ = ["Account", "Fault", "Request", "Sandbox"]
