"""Ways of extending a client: subclasses, wrappers, patches, spies, parts read."""

# ruff: noqa: ANN001, ANN002, ANN003, ANN201

import copy
import json
from unittest import mock

import urllib3

import at_client
from at_client import ApiClient, CreditsApi, rest
from at_client.rest import RESTClientObject, RESTResponse
from support.facts import CREDITS_BODY
from ways.stage import CREDITS, api, client, config, host, serve, telling

api_client = client()
credits_api = CreditsApi(api_client)
made = urllib3.HTTPResponse(CREDITS_BODY, {"Content-Type": "application/json"}, 200)


# %% A subclass that overrides `call_api` with its generated signature
class Mine(ApiClient):
    def call_api(
        self,
        method,
        url,
        header_params=None,
        body=None,
        post_params=None,
        _request_timeout=None,
    ):
        header_params["X-Trace"] = "t-1"
        print(
            method,
            url,
            _request_timeout,
        )
        return super().call_api(
            method, url, header_params, body, post_params, _request_timeout
        )


CreditsApi(Mine(config())).get_credits_api_v1_credits_get(_request_timeout=7.0)

# %% A wrapper put on an instance
original = api_client.call_api


def timed(*args, **kwargs):
    print("called")
    return original(*args, **kwargs)


api_client.call_api = timed
credits_api.get_credits_api_v1_credits_get()


# %% A subclass that overrides `param_serialize` and passes everything on
class Signing(ApiClient):
    def param_serialize(self, *args, **kwargs):
        method, url, headers, *others = super().param_serialize(*args, **kwargs)
        headers["X-Signature"] = f"{method} {len(headers)}"
        return method, f"{url}?signed=1", headers, *others


CreditsApi(Signing(config())).get_credits_api_v1_credits_get()


# %% A subclass that overrides `update_params_for_auth`
class Mine(ApiClient):
    def update_params_for_auth(self, headers, queries, auth_settings, *rest, **more):
        headers["X-Auth-By"] = ",".join(auth_settings)
        super().update_params_for_auth(headers, queries, auth_settings, *rest, **more)


CreditsApi(Mine(config())).get_credits_api_v1_credits_get()

# %% `RESTClientObject.request` spied on
with mock.patch.object(
    RESTClientObject, "request", autospec=True, side_effect=RESTClientObject.request
) as spy:
    api().get_credits_api_v1_credits_get(_request_timeout=5)
_, method, url = spy.call_args.args
print(
    method,
    url,
    sorted(spy.call_args.kwargs),
    spy.call_args.kwargs["headers"]["Authorization"],
)


# %% A subclass of `RESTClientObject` put in place
class Watching(RESTClientObject):
    def request(
        self,
        method,
        url,
        headers=None,
        body=None,
        post_params=None,
        _request_timeout=None,
    ):
        print(method)
        return super().request(
            method, url, headers, body, post_params, _request_timeout
        )


api_client.rest_client = Watching(api_client.configuration)
credits_api.get_credits_api_v1_credits_get()

# %% `pool_manager` read and cleared
credits_api.get_credits_api_v1_credits_get()
manager = api_client.rest_client.pool_manager
print(
    isinstance(manager, urllib3.PoolManager),
    len(manager.pools),
)
manager.clear()
print(len(manager.pools))
credits_api.get_credits_api_v1_credits_get()

# %% `pool_manager.connection_pool_kw` read and changed
api_client = client(verify_ssl=False, connection_pool_maxsize=7)
keywords = api_client.rest_client.pool_manager.connection_pool_kw
print(
    keywords["maxsize"],
    int(keywords["cert_reqs"]),
)
keywords.update(maxsize=3, retries=False)
CreditsApi(api_client).get_credits_api_v1_credits_get()

# %% `pool_manager` used for another URL
manager = client().rest_client.pool_manager
print(
    manager.request("GET", f"{host}/other").status,
    manager.urlopen("GET", f"{host}/more").status,
)


# %% `pool_manager` replaced by a proxy of one's own
api_client = client(host="http://localhost:1")
api_client.rest_client.pool_manager = urllib3.ProxyManager(host)
CreditsApi(api_client).get_credits_api_v1_credits_get()

# %% `pool_manager` replaced by a mock
manager = api_client.rest_client.pool_manager = mock.Mock()
manager.request.return_value = manager.urlopen.return_value = made
print(credits_api.get_credits_api_v1_credits_get().used_credits)

# %% `urllib3.PoolManager.urlopen` patched
with mock.patch("urllib3.PoolManager.urlopen", return_value=made) as patched:
    print(api().get_credits_api_v1_credits_get().total_credits)
print(patched.call_args.args)

# %% `urllib3.PoolManager.request` patched
with mock.patch("urllib3.PoolManager.request", return_value=made) as patched:
    print(api().get_credits_api_v1_credits_get().total_credits)
print(patched.call_args.args)

# %% `HTTPConnectionPool.urlopen` patched
with mock.patch(
    "urllib3.connectionpool.HTTPConnectionPool.urlopen", return_value=made
) as patched:
    print(api().get_credits_api_v1_credits_get().total_credits)
print(patched.call_args.args)

# %% `default_headers` read, changed, replaced
headers = api_client.default_headers
headers["X-A"] = "a"
headers.update({"X-B": "b"})
print(
    headers.pop("X-A"),
    isinstance(headers, dict),
)
credits_api.get_credits_api_v1_credits_get()
api_client.default_headers = {"X-C": "c", "User-Agent": "mine/1"}
credits_api.get_credits_api_v1_credits_get()

# %% `default_headers` with a credential, copied and given to another HTTP library
api_client.set_default_header("Authorization", "Bearer shared")
headers = copy.deepcopy(api_client.default_headers)
urllib3.request("GET", f"{host}/other", headers=headers)

# %% A request written by `param_serialize`, sent by another HTTP library
method, url, headers, body, post = client().param_serialize(
    "GET", CREDITS, query_params=[("q", 1)], auth_settings=["OAuth2PasswordBearer"]
)
urllib3.request(method, url, headers=headers)

# %% A path of one's own through `call_api`
serve(b'{"plans": ["free"]}')
response = api_client.call_api("GET", f"{host}/api/v1/plans", {"X-A": "a"})
print(
    json.loads(response.read()),
    response.getheader("Content-Type"),
    response.getheader("X", "none"),
    response.getheaders()["content-type"],
    response.reason,
)

# %% `RESTResponse` made by hand
raw = urllib3.HTTPResponse(b"[1]", {"X-A": "b"}, 201, reason="Created")
made = RESTResponse(raw)
print(
    made.status,
    made.reason,
    made.read(),
    made.getheader("x-a"),
    made.response is raw,
    isinstance(raw, rest.RESTResponseType),
)

# %% `call_api` answered with a mock, as unit tests do
made = mock.Mock(
    status=200, data=CREDITS_BODY, headers={"content-type": "application/json"}
)
with mock.patch("at_client.api_client.ApiClient.call_api", return_value=made):
    print(api().get_credits_api_v1_credits_get().total_credits)

# %% `response_deserialize` answered, as unit tests do
answer = at_client.ApiResponse(
    status_code=200, data="data", headers={"X-A": "a"}, raw_data=b""
)
with mock.patch.object(ApiClient, "response_deserialize", return_value=answer):
    print(api().get_credits_api_v1_credits_get())

# %% The default user agent
# differs: The user agent -> True
print(client().user_agent.startswith("at-client/"))

# %% A client copied
# better: Copies of a client -> 250
with telling(TypeError):
    print(
        CreditsApi(copy.deepcopy(client()))
        .get_credits_api_v1_credits_get()
        .used_credits
    )
