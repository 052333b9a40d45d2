"""What must hold between several settings of a section."""

from __future__ import annotations

from bridge.settings.document import Section


def one_credential(section: Section) -> None:
    """The app proves who it is by a secret or by a certificate."""
    secret, certificate = section.given("client_secret"), section.given("certificate_file")
    if secret and certificate:
        section.wrong("client_secret", "is given beside certificate_file", "keep one of the two")
    if not secret and not certificate:
        section.missing("client_secret", "give client_secret, or certificate_file in its place")
