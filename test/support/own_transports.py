"""What users put in the place of the client's own parts, over other HTTP libraries."""

from collections.abc import Mapping
from typing import Any

import urllib3


class Answer:
    """A response as the generated client's code reads one.

    Args:
        status: The HTTP status.
        headers: The headers.
        data: The body.
    """

    reason = "as it was"

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data

    def read(self) -> bytes:
        """Return the body."""
        return self.data

    def getheaders(self) -> Mapping[str, str]:
        """Return the headers."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header."""
        return self.headers.get(name, default)


class RequestsTransport:
    """A `rest_client` on requests, with the signature of generated code and no more."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Answer:
        """Send a request."""
        import requests

        got = requests.request(
            method, url, headers=headers, json=body, data=post_params, timeout=5
        )
        return Answer(got.status_code, got.headers, got.content)


class HttpxTransport:
    """The same on httpx."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Answer:
        """Send a request."""
        import httpx

        form = dict(post_params or ())
        got = httpx.request(
            method, url, headers=headers, json=body, data=form, timeout=5
        )
        return Answer(got.status_code, got.headers, got.content)


class PlainManager:
    """A pool manager that takes what generated code sends, and can do nothing else."""

    def __init__(self) -> None:
        self.pools = urllib3.PoolManager()
        self.requests = 0

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        fields: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: Any = None,
        preload_content: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request over a manager of urllib3's."""
        self.requests += 1
        return self.pools.request(
            method,
            url,
            body=body,
            fields=fields,
            headers=headers,
            timeout=timeout,
            preload_content=preload_content,
        )
