"""What users see of the types: checked by mypy and pyright, never run.

A line that both must refuse bears `type: ignore`; either complains where it has nothing
to ignore. Expressions are printed, since a bare one is an error by itself.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping
from typing import Any

import urllib3
from typing_extensions import assert_type

import at_client
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
from at_client.rest import RESTClientObject, RESTResponse
from at_client.sandbox import Account, Sandbox

# ---- Calls


def calls_give_the_model(api: CreditsApi) -> None:
    """The return type follows from the operation."""
    assert_type(api.get_credits(auth_token="cookie", timeout=5), CreditResponse)
    assert_type(api.get_credits(access_token="t", timeout=(1, 2.5)), CreditResponse)
    assert_type(api.get_credits_api_v1_credits_get("cookie"), CreditResponse)
    assert_type(
        api.get_credits_api_v1_credits_get(
            auth_token=None,
            _request_timeout=(1, 2.5),
            _request_auth={"in": "header", "key": "X-Key", "value": "k"},
            _content_type=None,
            _headers={"X-Note": "n"},
            _host_index=0,
        ),
        CreditResponse,
    )


def the_other_forms_give_more(api: CreditsApi) -> None:
    """Status, headers and raw body have their types; so has the unread response."""
    info = api.get_credits_api_v1_credits_get_with_http_info(_request_timeout=5)
    assert_type(info, ApiResponse[CreditResponse])
    assert_type(info.data, CreditResponse)
    assert_type(info.raw_data, bytes)
    assert_type(info.headers["content-type"], str)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    assert_type(response, urllib3.BaseHTTPResponse)


def wrong_calls_are_refused(api: CreditsApi) -> None:
    """A typo in a name or a keyword, and a value of the wrong type, are errors."""
    api.get_credit()  # type: ignore[attr-defined]
    api.get_credits(tiemout=5)  # type: ignore[call-arg]
    api.get_credits(timeout="5")  # type: ignore[arg-type]
    api.get_credits(auth_token=7)  # type: ignore[arg-type]


# ---- Models


def a_model_is_made_by_either_name() -> None:
    """The wire names are those of generated clients, the short ones are ours."""
    CreditResponse(total=1000, used=250, remaining=750)
    CreditResponse(
        total_credits=1000,
        used_credits=250,
        remaining_credits=750,
        free_credits=None,
        plan_tier="pro",
    )


def every_attribute_has_its_type(credits: CreditResponse) -> None:
    """Numbers are numbers, and what may be missing may be None."""
    assert_type(credits.total, int)
    assert_type(credits.free_credits, int | None)
    assert_type(credits.period, str | None)


def a_dictionary_gives_a_model(answer: dict[str, Any]) -> None:
    """Only None gives None."""
    assert_type(CreditResponse.from_dict(answer), CreditResponse)
    assert_type(CreditResponse.from_dict(None), None)
    assert_type(ErrorResponse.from_dict({"detail": "no"}).detail, str)


def wrong_models_are_refused(credits: CreditResponse) -> None:
    """A typo in a field, a missing field and a text for a number are errors."""
    CreditResponse(total_credits=1)  # type: ignore[call-overload]
    CreditResponse(total="1000", used=250, remaining=750)  # type: ignore[call-overload]
    print(credits.totl)  # type: ignore[attr-defined]
    credits.total = "1000"  # type: ignore[assignment]


# ---- Errors


def an_error_says_what_it_carries(error: RestApiException) -> ApiException:
    """It can be used without a cast; `at_client.rest` has the class itself."""
    assert_type(error.reason, str | None)
    assert_type(error.body, str | None)
    assert_type(error.retry_after, float | None)
    if isinstance(error.data, ErrorResponse):
        assert_type(error.data.errors, dict[str, list[str]] | None)
    if isinstance(error.data, HTTPValidationError):
        assert_type(error.data.detail, list[ValidationError] | str | None)
    return error


def an_error_is_made_by_hand() -> None:
    """A status and a reason, or a text alone."""
    ApiException("Not Found")
    ApiException(status=404, reason="Not Found")


def wrong_names_of_errors_are_refused(error: ApiException) -> None:
    """A class that does not exist, an attribute or a keyword, are errors."""
    print(at_client.TooManyRequestException)  # type: ignore[attr-defined]
    print(error.retry_afer)  # type: ignore[attr-defined]
    ApiException(stauts=404)  # type: ignore[call-arg]


def wrong_names_of_the_package_are_refused() -> None:
    """A public name with a typo is an error, wherever it is written."""
    print(at_client.CreditApi)  # type: ignore[attr-defined]


# ---- Settings


class Source:
    """A token source with a memory, which can replace a refused token."""

    def __call__(self) -> str:
        """Return the token."""
        return "asked"

    def renew(self) -> str:
        """Return another one."""
        return "renewed"


def settings_are_typed() -> Configuration:
    """A configuration takes what its documentation says, at once and later."""
    configuration = Configuration(
        host="https://api.example.com",
        access_token="t",
        timeout=(1, 2),
        retries=urllib3.Retry(3),
        proxy="http://proxy.example.com:3128",
        proxy_headers={"X-Team": "blue"},
    )
    configuration.access_token = lambda: None
    configuration.access_token = Source()
    assert_type(configuration.host, str)
    assert_type(configuration.proxy, str | None)
    assert_type(Configuration.from_env(timeout=5), Configuration)
    return configuration


def wrong_settings_are_refused(configuration: Configuration) -> None:
    """A misspelt setting and a value of the wrong type are errors."""
    Configuration(misspelt=1)  # type: ignore[arg-type]
    Configuration("https://api.example.com", "t", 5)  # type: ignore[call-arg]
    Configuration.from_env(misspelt=1)  # type: ignore[call-arg]
    configuration.timeot = 5  # type: ignore[attr-defined]
    configuration.retries = "2"  # type: ignore[assignment]


# ---- The three steps, and what people put in their place


def any_endpoint_is_typed(configuration: Configuration) -> None:
    """`with` gives the client itself; the three steps fit together."""
    with ApiClient(configuration, "X-Note", "n", cookie="a=b") as client:
        assert_type(client, ApiClient)
        assert_type(client.default_headers, dict[str, str])
        request = client.param_serialize("GET", "/api/v1/credits")
        answer = client.call_api(*request, _request_timeout=5)
        assert_type(answer.getheader("X-Note"), str | None)
        result = client.response_deserialize(answer, {"200": CreditResponse})
        assert_type(result.status_code, int)


def wrong_steps_are_refused(client: ApiClient) -> None:
    """A misspelt method or keyword of the client is an error."""
    client.set_default_headers("X-Note", "n")  # type: ignore[attr-defined]
    client.param_serialize("GET", "/", query_param={})  # type: ignore[call-arg]
    ApiClient(config=None)  # type: ignore[call-arg]


class Signing(ApiClient):
    """A client with the signatures of generated code, and the types that it has."""

    def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | tuple[float, float] | None = None,
    ) -> RESTResponse:
        """Pass the request on."""
        return super().call_api(
            method, url, header_params, body, post_params, _request_timeout
        )


class Spying(RESTClientObject):
    """A transport with the signature of generated code."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> RESTResponse:
        """Pass the request on."""
        return super().request(
            method, url, headers, body, post_params, _request_timeout
        )


def a_transport_can_be_replaced(client: ApiClient) -> None:
    """The transport of a client, its manager and its default are the user's to set."""
    client.rest_client = Spying(client.configuration)
    client.rest_client.pool_manager = urllib3.PoolManager(maxsize=1)
    client.rest_client.pool_manager.connection_pool_kw["source_address"] = ("::1", 0)
    ApiClient.set_default(None)
    assert_type(ApiClient.get_default(), ApiClient)


# ---- The sandbox


def the_sandbox_is_typed() -> None:
    """Accounts, faults and the log of requests have their types."""
    with Sandbox(total=100, used=40) as sandbox:
        assert_type(sandbox, Sandbox)
        assert_type(sandbox.url, str)
        assert_type(sandbox.add_account(total=5), Account)
        sandbox.fail(503, times=2)
        sandbox.answer({"total_credits": 1})


def wrong_use_of_the_sandbox_is_refused(sandbox: Sandbox) -> None:
    """A typo in a keyword and a value of the wrong type are errors."""
    sandbox.fail(stats=503)  # type: ignore[call-arg]
    sandbox.fail(status="503")  # type: ignore[arg-type]
    Account(plan="pro")  # type: ignore[call-arg]
    Sandbox(totl=100)  # type: ignore[call-arg]
