"""urllib3's SOCKS connections with a deadline; importing this needs PySocks."""

from urllib3.contrib.socks import (
    SOCKSConnection,
    SOCKSHTTPConnectionPool,
    SOCKSHTTPSConnection,
    SOCKSHTTPSConnectionPool,
)

from at_client.connections import TimedConnection


class TimedSOCKSConnection(TimedConnection, SOCKSConnection):
    """A plain connection through a SOCKS proxy, with a deadline."""


class TimedSOCKSHTTPSConnection(TimedConnection, SOCKSHTTPSConnection):
    """A TLS connection through a SOCKS proxy, with a deadline."""


class TimedSOCKSHTTPConnectionPool(SOCKSHTTPConnectionPool):
    """A pool of plain connections through a SOCKS proxy."""

    ConnectionCls = TimedSOCKSConnection


class TimedSOCKSHTTPSConnectionPool(SOCKSHTTPSConnectionPool):
    """A pool of TLS connections through a SOCKS proxy."""

    ConnectionCls = TimedSOCKSHTTPSConnection
