"""Ways of handling errors: caught, read, logged, made by hand, answered in tests."""

# ruff: noqa: ANN001, ANN201, ANN204

import json
from http import HTTPStatus
from unittest import mock

import urllib3

from at_client import ApiClient, exceptions
from at_client.exceptions import ApiException, NotFoundException
from at_client.rest import RESTClientObject, RESTResponse
from ways.stage import api, failure, serve, telling

DETAIL = b'{"detail": "Not authenticated"}'


def made(status, body=DETAIL):
    """Make what unit tests of users make for `call_api` to answer with."""
    response = mock.Mock(
        status=status, data=body, headers={"content-type": "application/json"}
    )
    response.reason = HTTPStatus(status).phrase
    return response


# %% The usual way: status, reason, body
serve(DETAIL, 401)
try:
    api().get_credits_api_v1_credits_get()
except ApiException as e:
    print(
        e.status,
        e.reason,
        json.loads(e.body)["detail"],
    )

# %% A class for every status
for status in (400, 401, 403, 404, 409, 418, 422, 500, 503):
    print(
        status,
        type(failure(DETAIL, status)).__name__,
    )

# %% The headers of an error
e = failure(DETAIL, 429, "application/json", [("Retry-After", "7")])
print(
    e.headers.get("Retry-After"),
    e.headers["retry-after"],
    e.headers.get("X-None"),
)

# %% A validation error, with its data
# differs: Entries of `loc` -> HTTPValidationError bad | AttributeError
e = failure(b'{"detail": [{"loc": ["cookie", 0], "msg": "bad", "type": "t"}]}', 422)
entry = e.data.detail[0]
print(
    type(e.data).__name__,
    entry.msg,
)
with telling(AttributeError):
    print(entry.loc[0].actual_instance)

# %% A server error, with its data
e = failure(b'{"detail": "down", "code": "E7"}', 500)
print(
    type(e.data).__name__,
    e.data.detail,
    e.data.code,
)

# %% A validation error whose detail is a sentence
# better: Data of errors -> too many
e = failure(b'{"detail": "too many"}', 422)
print(e.data and e.data.detail)

# %% An error of a status that the document does not name
# better: Data of errors -> Not authenticated
e = failure(DETAIL, 401)
print(e.data and e.data.detail)

# %% An error page in HTML, and an error without a body
for e in (failure(b"<h1>Bad Gateway</h1>", 502, "text/html"), failure(b"", 404)):
    print(
        repr(e.body),
        e.data,
    )

# %% An error written out whole, headers and all
# differs: The text of errors -> 1 False
text = str(failure(DETAIL, 401))
print(
    len(text.splitlines()),
    "HTTP response headers" in text,
)

# %% An error made by hand and logged
error = ApiException(status=404, reason="why")
print(
    error.status,
    error.reason,
    error.body,
    error.headers,
    "404" in str(error),
    "why" in str(error),
)

# %% An error made by position, and one of nothing
print(
    ApiException(500, "down").reason,
    ApiException().reason,
    repr(ApiException())[:12],
)

# %% An error without a status
# differs: Status 0 -> 0
print(ApiException(reason="lost").status)

# %% An error made from a mock whose body is text
error = ApiException(http_resp=made(403, "plain text"))
print(error.status, error.reason)


# %% An error subclassed
class Mine(ApiException):
    def __init__(self, code):
        super().__init__(status=402, reason="pay")
        self.code = code


error = Mine("E1")
print(
    error.status,
    error.code,
    "pay" in str(error),
)

# %% `from_response` as a statement
with telling(NotFoundException):
    ApiException.from_response(http_resp=made(404), body="b", data=None)
    print("went on")

# %% `raise X.from_response(...)`
try:
    raise ApiException.from_response(http_resp=made(403), body="b", data={"d": 1})
except ApiException as e:
    print(
        type(e).__name__,
        e.status,
        e.body,
        e.data,
    )

# %% A mocked `call_api` that answers with an error
with mock.patch.object(ApiClient, "call_api", return_value=made(404)):
    e = failure(b"", 200)
print(
    type(e).__name__,
    e.status,
    e.body,
    e.headers,
)

# %% A mocked `request` that answers with an error
raw = urllib3.HTTPResponse(DETAIL, {"Content-Type": "application/json"}, 401)
with mock.patch.object(RESTClientObject, "request", return_value=RESTResponse(raw)):
    e = failure(b"", 200)
print(
    type(e).__name__,
    e.status,
    e.body,
)

# %% `ApiTypeError` and its family made by hand
print(
    exceptions.ApiTypeError("bad", path_to_item=["a", 0]),
    exceptions.ApiValueError("bad", ["b"]),
    exceptions.ApiTypeError("bad", key_type=True).key_type,
    exceptions.render_path(["a", 0, "b"]),
)

# %% A connection refused
# differs: Errors of the connection -> ApiException
with telling(urllib3.exceptions.HTTPError, ApiException):
    api(host="http://127.0.0.1:9", retries=0).get_credits_api_v1_credits_get()

# %% A success that is no JSON, is broken, or lacks a number
# differs: Answers that cannot be read -> ApiException | ApiException | ApiException
for body, kind in (
    (b"<h1>Login</h1>", "text/html"),
    (b'{"to', "application/json"),
    (b"{}", "application/json"),
):
    serve(body, kind=kind)
    with telling(ApiException, ValueError):
        api().get_credits_api_v1_credits_get()

# %% A success without a body
# differs: Answers that cannot be read -> ApiException
serve(b"null")
with telling(ApiException):
    print(api().get_credits_api_v1_credits_get())
