"""The operations of the service: one file per group."""

from at_client.api.credits_api import CreditsApi

__all__ = ["CreditsApi"]
