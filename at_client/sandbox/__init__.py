"""The credits API on loopback: for trying things out, and for tests of code that uses the client."""

from at_client.sandbox.server import Fault, Sandbox
from at_client.sandbox.service import Account, Request

__all__ = ["Account", "Fault", "Request", "Sandbox"]
