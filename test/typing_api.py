"""What users see of the types: checked by mypy and pyright, never run."""

import urllib3
from typing_extensions import assert_type

from at_client import (
    ApiClient,
    ApiException,
    ApiResponse,
    Configuration,
    CreditResponse,
    CreditsApi,
    ErrorResponse,
    HTTPValidationError,
    ValidationError,
)
from at_client.rest import ApiException as RestApiException


def a_call_gives_the_model(api: CreditsApi) -> None:
    """The return type follows from the operation."""
    assert_type(api.get_credits(), CreditResponse)
    assert_type(
        api.get_credits(auth_token="cookie", _request_timeout=5), CreditResponse
    )
    assert_type(
        api.get_credits_api_v1_credits_get(_request_timeout=(1, 2.5)), CreditResponse
    )
    info = api.get_credits_api_v1_credits_get_with_http_info()
    assert_type(info, ApiResponse[CreditResponse])
    assert_type(info.data, CreditResponse)
    assert_type(info.status_code, int)
    assert_type(info.raw_data, bytes)
    assert_type(info.headers["content-type"], str)
    assert_type(
        api.get_credits_api_v1_credits_get_without_preload_content(),
        urllib3.BaseHTTPResponse,
    )


def a_model_is_made_by_name() -> None:
    """The three numbers are enough, and every attribute has its type."""
    credits = CreditResponse(total=1000, used=250, remaining=750)
    assert_type(credits.total, int)
    assert_type(credits.total_credits, int)
    assert_type(credits.free_credits, int | None)
    assert_type(credits.purchased_credits, int)
    assert_type(credits.period, str | None)
    assert_type(credits.used_fraction, float)
    assert_type(CreditResponse.from_json("{}"), CreditResponse | None)
    CreditResponse(total=1, used=1, remaining=0, free_credits=None, plan_tier="pro")
    CreditResponse(total="1000", used=250, remaining=750)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no number


def an_error_says_what_it_carries(error: RestApiException) -> ApiException:
    """What an error carries can be used without a cast; `at_client.rest` has the class itself."""
    assert_type(error.status, int)
    assert_type(error.reason, str | None)
    assert_type(error.body, str | None)
    assert_type(error.retry_after, float | None)
    if isinstance(error.data, ErrorResponse):
        assert_type(error.data.errors, dict[str, list[str]] | None)
    if isinstance(error.data, HTTPValidationError):
        assert_type(error.data.detail, list[ValidationError] | str | None)
    return error


def settings_are_typed() -> Configuration:
    """A configuration takes what its documentation says, at once and later."""
    configuration = Configuration(
        host="https://api.example.com", access_token="t", timeout=(1, 2)
    )
    configuration.timeout, configuration.access_token = 5, "another"
    configuration.access_token = lambda: "asked at every call"
    Configuration(misspelt=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # told at once
    return configuration


def any_endpoint_is_typed(configuration: Configuration) -> None:
    """`with` gives the client itself, and the three steps carry the class of the answer through."""
    with ApiClient(configuration) as client:
        assert_type(client, ApiClient)
        request = client.param_serialize("GET", "/api/v1/credits")
        answer = client.response_deserialize(
            client.call_api(*request), {"200": CreditResponse}
        )
        assert_type(answer.status_code, int)
