"""Certificates of an authority of our own, right and wrong ones."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate with its chain, and its key, as files."""

    certificate: str
    key: str


class Authority:
    """A certificate authority and what it issues.

    Args:
        folder: Where the files go.

    Attributes:
        ca_file: The authority's own certificate, as a file that a client can trust.
        ca_data: The same as PEM text.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)
        self.ca_data = self._ca.cert_pem.bytes().decode()

    def issue(self, *names: str, expired: bool = False) -> CertificateFiles:
        """Issue a certificate for host names and addresses.

        Args:
            names: The names and addresses.
            expired: Whether it has ended yesterday.
        """
        now = dt.datetime.now(dt.timezone.utc)
        dates = {}
        stem = "-".join(names).replace(":", "_")
        if expired:
            stem = f"expired-{stem}"
            dates["not_before"] = now - dt.timedelta(days=30)
            dates["not_after"] = now - dt.timedelta(days=1)

        leaf = self._ca.issue_cert(*names, **dates)
        certificate = self._folder / f"{stem}.pem"
        key = self._folder / f"{stem}.key.pem"
        certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return CertificateFiles(str(certificate), str(key))

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Make the TLS context of a server that shows such a certificate."""
        files = self.issue(*names, expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context
