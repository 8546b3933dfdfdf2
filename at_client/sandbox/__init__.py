"""The credits API on loopback: for experiments, and for tests of code that calls it."""

from at_client.sandbox.faults import Fault, UnusedFaultError
from at_client.sandbox.server import Sandbox
from at_client.sandbox.service import Account, Request

__all__ = ["Account", "Fault", "Request", "Sandbox", "UnusedFaultError"]
