"""Ways of setting a client up: configurations made, subclassed, copied, changed."""

import contextlib
import copy
import io
from unittest import mock

import urllib3

import at_client
from at_client import Configuration, CreditsApi
from at_client.configuration import Configuration as Imported
from ways.stage import api, config, host, sent, serve, telling

# %% Every usual setting by name
configuration = config(
    verify_ssl=True, ssl_ca_cert=None, connection_pool_maxsize=4, proxy=None
)
CreditsApi(at_client.ApiClient(configuration)).get_credits_api_v1_credits_get()

# %% The token read back
print(
    config().access_token,
    Imported().access_token,
    Imported().host,
)

# %% `retries=False`
serve(b"{}", 503)
credits_api = api()
credits_api.api_client.configuration.retries = False
print(credits_api.get_credits_api_v1_credits_get_without_preload_content().status)

# %% `retries=Retry(...)` is obeyed
serve(b"{}", 503)
retry = urllib3.Retry(total=2, status_forcelist=[503], backoff_factor=0)
api(retries=retry).get_credits_api_v1_credits_get()

# %% `get_default_copy()` and `get_default()`
Configuration.set_default(config())
print(
    Configuration.get_default_copy().host,
    Configuration.get_default().access_token,
)


# %% A subclass with attributes of its own
class Mine(Configuration):
    def __init__(self, region: str, **settings: object) -> None:
        super().__init__(host=host, **settings)
        self.region = region


mine = Mine("eu", access_token="sub")
CreditsApi(at_client.ApiClient(mine)).get_credits_api_v1_credits_get()
print(
    mine.region,
    copy.deepcopy(mine).region,
)


# %% A subclass with attributes set before `super().__init__()`
class Mine(Configuration):
    def __init__(self, region: str) -> None:
        self.region = region
        super().__init__(host=host, access_token=self.region)


CreditsApi(at_client.ApiClient(Mine("eu"))).get_credits_api_v1_credits_get()


# %% A subclass with `access_token` as a property
class Renewing(Configuration):
    @property
    def access_token(self) -> str:
        return "fresh"

    @access_token.setter
    def access_token(self, value: str | None) -> None:
        pass


CreditsApi(at_client.ApiClient(Renewing(host=host))).get_credits_api_v1_credits_get()


# %% A subclass that overrides `auth_settings()`
class Mine(Configuration):
    def auth_settings(self) -> dict:
        settings = super().auth_settings()
        settings["OAuth2PasswordBearer"]["value"] = "Bearer vault"
        return settings


mine = Mine(host=host, access_token="token")
CreditsApi(at_client.ApiClient(mine)).get_credits_api_v1_credits_get()

# %% `auth_settings()` patched
vault = {"type": "apiKey", "in": "header", "key": "X-Vault", "value": "v-1"}
with mock.patch.object(
    Configuration, "auth_settings", return_value={"OAuth2PasswordBearer": vault}
):
    api().get_credits_api_v1_credits_get()

# %% `auth_settings()` read
print(
    config().auth_settings(),
    Configuration().auth_settings(),
)

# %% A configuration copied, and the copy changed
configuration = config(access_token="one")
changed = copy.deepcopy(configuration)
changed.access_token = "two"
for each in (configuration, changed):
    CreditsApi(at_client.ApiClient(each)).get_credits_api_v1_credits_get()

# %% Switches from an environment: `debug=1`, `verify_ssl=0`, `ssl_ca_cert=""`
configuration = config(verify_ssl=0, ssl_ca_cert="", debug=0, proxy="")
print(bool(configuration.verify_ssl))
configuration.verify_ssl = 1
CreditsApi(at_client.ApiClient(configuration)).get_credits_api_v1_credits_get()

# %% `debug="1"` shows the token
# better: Debugging -> False
with (
    contextlib.redirect_stdout(io.StringIO()) as shown,
    contextlib.redirect_stderr(shown),
):
    api(debug="1", access_token="S3cret").get_credits_api_v1_credits_get()
print("S3cret" in shown.getvalue())

# %% A proxy by setting
api(host="http://localhost:1", proxy=host).get_credits_api_v1_credits_get()

# %% The report for debugging
report = Configuration().to_debug_report()
print(
    "Version of the API: 1.0.0" in report,
    "Python Version" in report,
)

# %% A setting that is misspelt, in the constructor
with telling(TypeError):
    Configuration(acess_token="t")

# %% A setting that is misspelt, as an attribute
# differs: A misspelt setting -> AttributeError
with telling(AttributeError):
    Configuration().acess_token = "t"

# %% An API key
# differs: API keys, user name and password -> TypeError
with telling(TypeError):
    print(Configuration(api_key={"ApiKeyAuth": "k"}).api_key)

# %% User name and password
# differs: API keys, user name and password -> TypeError
with telling(TypeError):
    print(Configuration(username="u", password="p").get_basic_auth_token())

# %% A logger file, and the configuration's own loggers
# differs: Logger files -> AttributeError | AttributeError
with telling(AttributeError):
    Configuration().logger_file = None
with telling(AttributeError):
    print(sorted(Configuration().logger))

# %% `client_side_validation`, `safe_chars_for_path_param`, formats of dates
# differs: Settings that nothing reads -> TypeError | TypeError | TypeError
for name in (
    "client_side_validation",
    "safe_chars_for_path_param",
    "date_format",
):
    with telling(TypeError):
        Configuration(**{name: ""})

# %% A server by its index
# differs: Servers by index -> OpenApiException
with telling(at_client.OpenApiException):
    print(Configuration(server_index=0, ignore_operation_servers=True).host)

# %% A host without a scheme
# differs: A host without a scheme -> ValueError
with telling(ValueError):
    print(Configuration(host="api.example.com").host)

# %% Host and token by position
# differs: Settings by position -> token
print(Configuration(host, "token").access_token)

# %% A token from a function
# better: Token sources -> Bearer from-function
with telling(TypeError):
    api(access_token=lambda: "from-function").get_credits_api_v1_credits_get()
    print(sent("authorization"))

# %% An error of a service that repeats the token
# better: Secrets -> False
serve(b'{"detail": "no such token: S3cret-token"}', 401)
try:
    api(access_token="S3cret-token").get_credits_api_v1_credits_get()
except at_client.ApiException as error:
    print("S3cret-token" in str(error))
