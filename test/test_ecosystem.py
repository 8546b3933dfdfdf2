"""Beside other libraries, each the real one: spans, cassettes, the system's trust store, loggers."""

import json
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import truststore
import vcr
import yaml
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from at_client import (
    ApiClient,
    ApiConnectionException,
    Configuration,
    CreditsApi,
    PasswordGrant,
)
from support.ending import good_call
from support.facts import COOKIE, TOKEN, secrets_in
from support.makers import CapLog, MakeApi, MonkeyPatch
from support.service import PASSWORD, USER, Service
from support.tls import Authority
from support.wire import CLOSE, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """OpenTelemetry's instrumentation of urllib3, and the spans that it makes."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = URLLib3Instrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_opentelemetry_sees_one_span_an_attempt(
    wire: Wire, make_api: MakeApi, spans: InMemorySpanExporter
) -> None:
    """A lost connection, a 503 and the answer are three spans, and the service is told of each."""
    wire.play(reply(CLOSE), reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))
    finished = spans.get_finished_spans()
    assert [(span.attributes or {}).get("http.status_code") for span in finished] == [
        None,
        503,
        200,
    ]
    told = [
        line
        for request in wire.requests
        for line in request.split(b"\r\n")
        if b"trace" in line
    ]
    assert [int(line.split(b"-")[2], 16) for line in told] == [
        span.get_span_context().span_id for span in finished
    ]


def test_opentelemetry_sees_no_secret(
    wire: Wire, make_api: MakeApi, spans: InMemorySpanExporter
) -> None:
    """Neither the attributes of a span nor the exception noted in it show a credential."""
    wire.play(
        reply(answer(b"no", 500, headers=[("Connection", "close")])), reply(CLOSE)
    )
    with pytest.raises(ApiConnectionException):
        make_api(wire.url, retries=1).get_credits(auth_token=COOKIE)
    assert secrets_in(*(span.to_json() for span in spans.get_finished_spans())) == []


def recorded(cassette: Path) -> list[dict[str, Any]]:
    """Read the requests of a cassette."""
    return [
        each["request"] for each in yaml.safe_load(cassette.read_text())["interactions"]
    ]


def test_vcrpy_can_keep_the_credentials(wire: Wire, tmp_path: Path) -> None:
    """Who filters nothing gets what went over the wire, as text that another run can match."""
    cassette = tmp_path / "credits.yaml"
    recorder = vcr.VCR(match_on=["method", "uri", "headers"])
    for _ in range(2):
        with (
            recorder.use_cassette(cassette) as tape,
            ApiClient(Configuration(wire.url, TOKEN)) as client,
        ):
            assert CreditsApi(client).get_credits(auth_token=COOKIE).remaining == 750
    assert (tape.play_count, wire.connections) == (1, 1)
    (request,) = recorded(cassette)
    assert request["headers"]["Authorization"] == [f"Bearer {TOKEN}"]
    assert request["headers"]["Cookie"] == [f"auth_token={COOKIE}"]


def test_vcrpy_records_the_password_flow(
    service: Service, tmp_path: Path, make_api: MakeApi
) -> None:
    """The form of the token endpoint is recorded as sent, so that vcrpy's own filters find it."""
    cassette = tmp_path / "grant.yaml"
    recorder = vcr.VCR(
        filter_headers=["authorization"],
        filter_post_data_parameters=["username", "password"],
    )
    for _ in range(2):
        with recorder.use_cassette(cassette) as tape:
            api = make_api(
                service.url,
                access_token=PasswordGrant("api/v1/auth/token", USER, PASSWORD),
            )
            assert good_call(api)
            api.api_client.close()
    assert (len(service.requests), tape.play_count) == (2, 2)
    assert recorded(cassette)[0]["body"] == "grant_type=password"


def test_truststore(
    secure_service: Service,
    authority: Authority,
    make_api: MakeApi,
    monkeypatch: MonkeyPatch,
) -> None:
    """Its context is used as it is: the system's store, to which `SSL_CERT_FILE` adds here."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api(secure_service.url, ssl_context=context).get_credits()
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    assert good_call(
        make_api(
            secure_service.url,
            ssl_context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
    )


def test_structlog_renders_our_lines(
    wire: Wire, make_api: MakeApi, caplog: CapLog
) -> None:
    """Our lines go through structlog's formatter like those of any logger, one an attempt."""
    caplog.set_level(logging.DEBUG, "at_client")
    wire.play(reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))
    add = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name]
    render = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(processors=[*add, *render])
    first, second = (json.loads(formatter.format(record)) for record in caplog.records)
    assert first["event"].startswith("GET /api/v1/credits 503 ")
    assert second["event"].startswith("GET /api/v1/credits 200 ")
    assert (second["level"], second["logger"]) == ("debug", "at_client")
