"""What the tests do in other processes, which find it here by name."""

from at_client import ApiResponse, CreditResponse, CreditsApi
from support.facts import COOKIE


def remaining(api: CreditsApi) -> int:
    """Fetch the credits: what a task in another process does."""
    return api.get_credits().remaining


def response_of(api: CreditsApi) -> ApiResponse[CreditResponse]:
    """Fetch the whole response, so that it has to come back by pickle."""
    return api.get_credits_api_v1_credits_get_with_http_info(auth_token=COOKIE)


def failing(api: CreditsApi) -> None:
    """Fail in the other process, so that the error has to come back by pickle."""
    api.api_client.configuration.access_token = "TOKEN-SECRET-nobody"
    api.get_credits()
