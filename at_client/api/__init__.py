"""The operations of the service: one file a group."""

from at_client.api.credits_api import CreditsApi

__all__ = ["CreditsApi"]
