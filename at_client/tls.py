"""The one TLS context that all connections of a client share."""

import ssl
import threading
from typing import Any

from urllib3.util.ssl_ import create_urllib3_context

from at_client.configuration import Configuration
from at_client.exceptions import ApiValueError

_VERSION_OPTIONS = ("ssl_version", "ssl_minimum_version", "ssl_maximum_version")
"""Options of urllib3's pools that ask for a context with other TLS versions."""


class ClientTLS:
    """Makes the TLS context of a client at its first https connection, and keeps it.

    urllib3 by itself loads the CA certificates of the system for every connection.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._lock = threading.Lock()  # sixteen threads may connect at once
        self._context: ssl.SSLContext | None = None

    def get_context(self) -> ssl.SSLContext:
        """Return the context, made at the first call.

        Raises:
            ApiValueError: A certificate or a key of the configuration is not usable.
        """
        with self._lock:
            if self._context is None:
                self._context = make_context(self._configuration)
            return self._context

    def add_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of an https pool with those of the configuration.

        Options of the pool, which a user can put into `connection_pool_kw`, win.
        """
        versions = {
            name: options[name]
            for name in _VERSION_OPTIONS
            if options.get(name) is not None
        }
        if "ssl_context" in options:
            context = options["ssl_context"]
        elif versions:
            context = make_context(self._configuration, **versions)
        else:
            context = self.get_context()

        wanted = {
            "ssl_context": context,
            "assert_hostname": self._configuration.assert_hostname,
            "server_hostname": self._configuration.tls_server_name,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        return {**given, **options}


def make_context(configuration: Configuration, **versions: Any) -> ssl.SSLContext:
    """Make a TLS context, or return the user's own.

    Without CA settings OpenSSL's defaults are trusted, with `SSL_CERT_FILE` and
    `SSL_CERT_DIR` in their place if set.

    Args:
        configuration: The settings.
        **versions: TLS versions for `urllib3.util.ssl_.create_urllib3_context`.
    """
    _check_combination(configuration)
    if configuration.ssl_context is not None:
        return configuration.ssl_context

    try:
        context = create_urllib3_context(**versions)
    except OSError as error:  # it opens the file that SSLKEYLOGFILE names
        raise ApiValueError(f"SSLKEYLOGFILE cannot be written to: {error}") from error

    _load_authorities(context, configuration)
    _load_client_certificate(context, configuration)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _check_combination(configuration: Configuration) -> None:
    """Refuse settings that contradict each other."""
    files = (
        configuration.ssl_ca_cert,
        configuration.ca_cert_data,
        configuration.cert_file,
        configuration.key_file,
    )
    has_others = not configuration.verify_ssl or any(
        value is not None for value in files
    )
    if configuration.ssl_context is not None and has_others:
        raise ApiValueError(
            "ssl_context replaces verify_ssl, ssl_ca_cert, ca_cert_data, cert_file and "
            "key_file"
        )
    if configuration.key_file is not None and configuration.cert_file is None:
        raise ApiValueError(
            "key_file needs cert_file, the certificate that the key belongs to"
        )


def _load_authorities(context: ssl.SSLContext, configuration: Configuration) -> None:
    file = configuration.ssl_ca_cert
    data = configuration.ca_cert_data
    if file is None and data is None:
        if hasattr(context, "load_default_certs"):
            context.load_default_certs()
        else:  # pyOpenSSL's, which some libraries put into urllib3
            context.set_default_verify_paths()
        return

    setting = "ca_cert_data" if file is None else f"ssl_ca_cert {file!r}"
    try:
        context.load_verify_locations(file, None, data)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ApiValueError(
            f"{setting} holds no usable CA certificate: {error}"
        ) from error


def _load_client_certificate(
    context: ssl.SSLContext, configuration: Configuration
) -> None:
    if configuration.cert_file is None:
        return

    try:
        # An empty password instead of OpenSSL's prompt, at which a cron job would hang.
        context.load_cert_chain(
            configuration.cert_file, configuration.key_file, password=""
        )
    except (OSError, ValueError) as error:
        raise ApiValueError(
            "cert_file and key_file hold no certificate with its unencrypted private "
            f"key: {error}"
        ) from error
