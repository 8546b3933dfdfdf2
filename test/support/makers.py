"""Types of fixtures, for the signatures of tests."""

from collections.abc import Callable

import pytest

from at_client import ApiClient, CreditsApi
from support.wire import Wire

CapLog = pytest.LogCaptureFixture
CapSys = pytest.CaptureFixture[str]
MakeApi = Callable[..., CreditsApi]
MakeClient = Callable[..., ApiClient]
MakeWire = Callable[..., Wire]
MonkeyPatch = pytest.MonkeyPatch
