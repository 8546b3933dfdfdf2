"""Beside other libraries, each the real one: tracing, recording and trust."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import truststore
import vcr
import yaml
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from at_client import ApiConnectionException
from support.ending import good_call
from support.facts import COOKIE, TOKEN, secrets_in
from support.makers import MakeApi, MonkeyPatch
from support.service import Service
from support.tls import Authority
from support.wire import CLOSE, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Have OpenTelemetry instrument urllib3, and keep the spans that it makes."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = URLLib3Instrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_opentelemetry_sees_one_span_a_call(
    wire: Wire, make_api: MakeApi, spans: InMemorySpanExporter
) -> None:
    """As with urllib3 by hand, a span has all attempts; the service is told of it."""
    wire.play(reply(CLOSE), reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))

    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["http.status_code"] == 200

    sent = b"".join(wire.requests)
    told = re.findall(rb"traceparent: \w+-\w+-(\w+)", sent)
    assert told == [b"%016x" % span.get_span_context().span_id] * 3


def test_opentelemetry_sees_no_secret(
    wire: Wire, make_api: MakeApi, spans: InMemorySpanExporter
) -> None:
    """Neither attributes nor the exception in a span show a credential."""
    wire.play(otherwise=reply(CLOSE))
    with pytest.raises(ApiConnectionException):
        make_api(wire.url).get_credits(auth_token=COOKIE)

    (span,) = spans.get_finished_spans()
    assert secrets_in(span.to_json()) == []


def test_vcrpy_can_keep_the_credentials(
    wire: Wire, make_api: MakeApi, tmp_path: Path
) -> None:
    """A cassette without filters has what was sent as plain text."""
    cassette = tmp_path / "credits.yaml"
    with vcr.use_cassette(cassette):
        make_api(wire.url, access_token=lambda: TOKEN).get_credits(auth_token=COOKIE)

    (recorded,) = yaml.safe_load(cassette.read_text())["interactions"]
    headers = recorded["request"]["headers"]
    assert headers["Authorization"] == [f"Bearer {TOKEN}"]
    assert headers["Cookie"] == [f"auth_token={COOKIE}"]


def test_truststore(
    secure_service: Service,
    authority: Authority,
    make_api: MakeApi,
    monkeypatch: MonkeyPatch,
) -> None:
    """A context of truststore asks the system's store, here by `SSL_CERT_FILE`."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert good_call(make_api(secure_service.url, ssl_context=context))
