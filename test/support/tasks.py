"""What the tests do in other processes, which find it here by name."""

from at_client import CreditsApi


def remaining(api: CreditsApi) -> int:
    """Fetch the credits: what a task in another process does."""
    return api.get_credits().remaining
