"""The credits API on loopback: for trying things out, and for tests of code that uses the client.

Examples:
    >>> from at_client.sandbox import Sandbox
    >>> with Sandbox() as sandbox:
    ...     sandbox.fail(status=503, times=2, retry_after=1)
    ...     sandbox.url.startswith("http://127.0.0.1:")
    True

The way of a request: `server` reads it, `sandbox` logs it, `trouble` may have something scripted
for it, `service` answers it (`grants` if a token is asked for) from what `accounts` holds, and
`server` sends the answer.
"""

from at_client.sandbox.accounts import Account
from at_client.sandbox.messages import Answer, Headers, Request
from at_client.sandbox.sandbox import Sandbox
from at_client.sandbox.trouble import Trouble

__all__ = ["Account", "Answer", "Headers", "Request", "Sandbox", "Trouble"]
