"""From the configuration to a TLS context: whom to trust, and who we are."""

from __future__ import annotations

import errno
import ssl
from typing import Any

from at_client.exceptions import ApiValueError


class TidySocket(ssl.SSLSocket):
    """A TLS socket that is closed when `wrap_socket` fails half-way, where the standard library's stays open."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; close if that is interrupted, by Ctrl-C too."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive; only `wrap_socket` does it this way, to look at what a peer that is gone has left."""
        try:
            return super().recv(buflen, flags)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                self.close()
            raise


def tls_context(chosen: dict[str, Any]) -> ssl.SSLContext:
    """Make the TLS context that all connections of a client share, or return the user's own.

    Without CA settings OpenSSL's defaults are trusted, `SSL_CERT_FILE` and `SSL_CERT_DIR` included.

    Raises:
        ApiValueError: A file cannot be read, holds no certificate or no fitting key, or two settings contradict.
    """
    own: ssl.SSLContext | None = chosen["ssl_context"]
    if own is not None:
        others = [
            name
            for name in ("ssl_ca_cert", "ca_cert_data", "cert_file", "key_file")
            if chosen[name] is not None
        ]
        if others or not chosen["verify_ssl"]:
            raise ApiValueError(
                f"ssl_context says whom to trust; leave {', '.join(others or ['verify_ssl'])} unset"
            )
        return own
    if chosen["key_file"] is not None and chosen["cert_file"] is None:
        raise ApiValueError("key_file needs cert_file, the certificate that the key belongs to")
    try:
        context = ssl.create_default_context(
            cafile=chosen["ssl_ca_cert"], cadata=chosen["ca_cert_data"]
        )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        source = (
            "ca_cert_data"
            if chosen["ssl_ca_cert"] is None
            else f"ssl_ca_cert {chosen['ssl_ca_cert']!r}"
        )
        raise ApiValueError(f"{source} holds no usable CA certificate: {error}") from error
    context.sslsocket_class = TidySocket
    if not chosen["verify_ssl"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if chosen["cert_file"] is not None:
        try:
            # An empty password instead of OpenSSL's prompt on the terminal, at which a cron job would hang.
            context.load_cert_chain(chosen["cert_file"], chosen["key_file"], password="")
        except (OSError, ValueError) as error:
            raise ApiValueError(
                f"cert_file and key_file hold no certificate with its unencrypted private key: {error}"
            ) from error
    return context
