"""Certificates of an authority of our own, right and wrong ones."""

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
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
        self._issued = 0
        self._ca = trustme.CA()
        pem = self._ca.cert_pem
        self.ca_file = str(folder / "ca.pem")
        self.ca_data = pem.bytes().decode()
        pem.write_to_path(self.ca_file)

    def issue(self, *names: str, expired: bool = False) -> CertificateFiles:
        """Issue a certificate for host names and addresses.

        Args:
            names: The names and addresses.
            expired: Whether it has ended yesterday.
        """
        now = datetime.now(timezone.utc)
        yesterday = now - timedelta(days=1)
        long_ago = now - timedelta(days=30)
        leaf = self._ca.issue_cert(
            *names,
            not_before=long_ago,
            not_after=yesterday if expired else None,
        )
        self._issued += 1
        stem = self._folder / str(self._issued)
        certificate = f"{stem}.pem"
        key = f"{stem}.key"
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
        return CertificateFiles(
            certificate=certificate,
            key=key,
        )

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Make the TLS context of a server that shows such a certificate."""
        files = self.issue(*names, expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context
