"""Ways of making calls, as people do from the first day on."""

import contextlib
import gzip
import json
import time
from unittest import mock

import urllib3

import at_client
from at_client.api.credits_api import CreditsApi
from at_client.rest import ApiException
from support.facts import CREDITS_BODY
from support.wire import Drip, Wire, answer, reply
from ways.stage import api, client, config, host, sent, serve, telling, wire

api_client = client()
credits_api = CreditsApi(api_client)

# %% The published way: host, token, `with ApiClient`, call, print a number
configuration = at_client.Configuration(host=host)
configuration.access_token = "secret"
with at_client.ApiClient(configuration) as api_client:
    try:
        print(
            at_client.CreditsApi(api_client)
            .get_credits_api_v1_credits_get()
            .remaining_credits
        )
    except ApiException as e:
        print(f"failed: {e}")

# %% A new token between two calls
credits_api.get_credits_api_v1_credits_get()
api_client.configuration.access_token = "new"
credits_api.get_credits_api_v1_credits_get()

# %% No token at all
serve(b'{"detail": "Not authenticated"}', 401)
with telling(at_client.OpenApiException):
    api(access_token=None).get_credits_api_v1_credits_get()

# %% The host set after the client was made
credits_api = api(host="http://127.0.0.1:9")
credits_api.api_client.configuration.host = host
credits_api.get_credits_api_v1_credits_get()

# %% A host with a path
api(host=f"{host}/behind/a/gateway").get_credits_api_v1_credits_get()

# %% A host with a slash at its end
# better: A host that ends with a slash -> GET /api/v1/credits HTTP/1.1
api(host=f"{host}/").get_credits_api_v1_credits_get()
request = wire.requests[0].decode()
print(request.splitlines()[0])

# %% The API on the default client, made of the default configuration
at_client.Configuration.set_default(config(access_token="default"))
CreditsApi().get_credits_api_v1_credits_get()
print(CreditsApi().api_client is at_client.ApiClient.get_default())

# %% A default client of one's own
at_client.ApiClient.set_default(client(access_token="mine"))
CreditsApi(api_client=None).get_credits_api_v1_credits_get()

# %% A call after `with` is left
with client() as api_client:
    credits_api = CreditsApi(api_client)
credits_api.get_credits_api_v1_credits_get()

# %% Timeouts: a whole number, a float, a pair
for timeout in (5, 5.5, (3.05, 27)):
    api().get_credits_api_v1_credits_get(_request_timeout=timeout)

# %% An argument that there is not
# differs: Wrong arguments -> TypeError
with telling(TypeError, ValueError):
    api().get_credits_api_v1_credits_get(limit=5)

# %% Headers for one call
headers = {
    "X-Request-Id": "r-1",
    "Accept": "application/vnd.api+json",
}
api().get_credits_api_v1_credits_get(_headers=headers, _host_index=0)

# %% A header of a call that is a default header, too
# differs: Headers of a call -> call
api_client.set_default_header("X-Team", "default")
credits_api.get_credits_api_v1_credits_get(_headers={"X-Team": "call"})
print(sent("x-team"))

# %% `Authorization` among the headers of a call with a configured token
api().get_credits_api_v1_credits_get(_headers={"Authorization": "Bearer other"})

# %% `Authorization` among the headers of a call without a configured token
api(access_token=None).get_credits_api_v1_credits_get(
    _headers={"Authorization": "Bearer other"}
)

# %% Credentials for one call
auth = {
    "in": "header",
    "type": "oauth2",
    "key": "Authorization",
    "value": "Bearer once",
}
credits_api.get_credits_api_v1_credits_get(_request_auth=auth)
credits_api.get_credits_api_v1_credits_get()

# %% A cookie as credentials for one call
auth = {"in": "cookie", "type": "api_key", "key": "session", "value": "s-1"}
api().get_credits_api_v1_credits_get(_request_auth=auth)

# %% A header value that is not ASCII
# differs: Header and cookie values -> ApiValueError
with telling(at_client.ApiValueError):
    api().get_credits_api_v1_credits_get(_headers={"X-Name": "Zo\xeb"})

# %% A header through the constructor of the client
api_client = at_client.ApiClient(config(), header_name="X-Tenant", header_value="t-1")
CreditsApi(api_client).get_credits_api_v1_credits_get()

# %% A cookie through the constructor of the client
CreditsApi(
    at_client.ApiClient(config(), cookie="session=abc; theme=dark")
).get_credits_api_v1_credits_get()

# %% A user agent of one's own
api_client.user_agent = "my-tool/2.1"
print(api_client.user_agent)
credits_api.get_credits_api_v1_credits_get()

# %% The parameter `auth_token`
# better: The cookie `auth_token` -> auth_token=cookie-1
api().get_credits_api_v1_credits_get("cookie-1")
print(sent("cookie"))

# %% With HTTP info: status, headers, data, raw data
info = api().get_credits_api_v1_credits_get_with_http_info()
print(
    info.status_code,
    info.headers["Content-Type"],
    info.headers.get("X-None"),
    info.data.total_credits,
    info.raw_data == CREDITS_BODY,
)

# %% With HTTP info, dumped as pydantic dumps
info = api().get_credits_api_v1_credits_get_with_http_info()
print(
    sorted(info.model_dump()),
    info.model_dump()["data"]["total_credits"],
    "total_credits" in info.model_dump_json(),
)

# %% With HTTP info, a header in lower case
# better: Header names -> application/json
with telling(KeyError):
    print(api().get_credits_api_v1_credits_get_with_http_info().headers["content-type"])

# %% Without preloading: status and data
response = api().get_credits_api_v1_credits_get_without_preload_content()
print(
    response.status,
    response.headers["Content-Type"],
    json.loads(response.data),
)

# %% Without preloading: in pieces
response = api().get_credits_api_v1_credits_get_without_preload_content()
print(isinstance(response, urllib3.HTTPResponse))
print(b"".join(response.stream(32)) == CREDITS_BODY)
response.release_conn()

# %% Without preloading, an error
serve(b'{"detail": "no"}', 403)
response = api().get_credits_api_v1_credits_get_without_preload_content()
print(response.status, response.data)

# %% The response printed
text = str(api().get_credits_api_v1_credits_get())
print(text.partition(" rem")[0])

# %% A service that is busy for a moment
# better: Retries -> 750 2
serve(status=503)
try:
    print(
        api().get_credits_api_v1_credits_get().remaining_credits,
        len(wire.requests),
    )
except ApiException as e:
    print(e.status)

# %% A body that drips, with a timeout
# better: Deadlines -> True
head = answer(b"", length=len(CREDITS_BODY))
wire.play(reply(head, Drip(CREDITS_BODY, 0.006)))
start = time.monotonic()
with contextlib.suppress(ApiException):
    api(retries=False).get_credits_api_v1_credits_get(_request_timeout=0.5)
print(time.monotonic() - start < 0.8)

# %% A compressed response
serve(gzip.compress(CREDITS_BODY), headers=[("Content-Encoding", "gzip")])
info = api().get_credits_api_v1_credits_get_with_http_info()
print(info.raw_data == CREDITS_BODY)

# %% A redirect to somewhere else
# differs: Redirects -> ApiException
with Wire() as other:
    serve(status=307, headers=[("Location", other.url)])
    with telling(ApiException):
        print(api().get_credits_api_v1_credits_get().total_credits)

# %% A token over plain http to another machine
# differs: Tokens over plain http -> ApiValueError
api_client = client(host="http://credits.example")
api_client.rest_client.pool_manager = mock.Mock()
with telling(at_client.ApiValueError):
    CreditsApi(api_client).get_credits_api_v1_credits_get_without_preload_content()
