"""Entra says no: its AADSTS codes -> our errors, with a sentence for whoever can help.

Pure. Codes and their meaning: learn.microsoft.com entra/identity-platform/reference-error-codes.
Entra's own text is not repeated: it names people and apps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from bridge.errors import Refused, Throttled, Unauthorized, Unavailable

THROTTLED_WAIT = timedelta(seconds=30)
"""Where Entra asks for patience without saying how much."""

OPERATOR = {
    7000215: "the client secret is wrong: set teams.client_secret to the secret's Value (not its "
    "ID) from Entra > App registrations > Certificates & secrets",
    7000222: "the client secret has expired: make a new one in Entra > App registrations > "
    "Certificates & secrets and set teams.client_secret",
    7000218: "the app is registered as a public client, or no secret was sent: set "
    "teams.client_secret or teams.certificate_file",
    700027: "Entra does not accept the certificate: upload the public part of "
    "teams.certificate_file in Entra > App registrations > Certificates & secrets",
    700016: "there is no app teams.client_id in the tenant teams.tenant_id: check both",
    700025: "the app is registered as a public client: register it as a web app",
    90002: "there is no tenant teams.tenant_id: check it in Entra > Overview",
    500011: "the tenant does not know Microsoft Graph under teams.graph_url: check it",
    50011: "the address of the bridge's sign-in page is not among the app's redirect URIs: add it "
    "in Entra > App registrations > Authentication, platform Web",
    500113: "the app has no redirect URI: add the bridge's sign-in page in Entra > App "
    "registrations > Authentication, platform Web",
    53003: "a Conditional Access policy forbids this sign-in: allow the app in Entra > Conditional "
    "Access",
    530003: "a Conditional Access policy wants a managed device: exempt the app in Entra > "
    "Conditional Access",
    53000: "a Conditional Access policy wants a compliant device: exempt the app in Entra > "
    "Conditional Access",
    53001: "a Conditional Access policy wants a joined device: exempt the app in Entra > "
    "Conditional Access",
    65001: "nobody has consented to what the app asks for: grant admin consent in Entra > App "
    "registrations > API permissions",
    90094: "an administrator must consent: grant admin consent in Entra > App registrations > API "
    "permissions",
    50105: "this person is not assigned to the app: assign them in Entra > Enterprise applications "
    "> Users and groups",
    50194: "the app is registered for one tenant only: set teams.tenant_id to that tenant",
}
PERSON = {
    50057: "the Microsoft account is disabled",
    50034: "the Microsoft account no longer exists in this tenant",
    50076: "Microsoft wants another sign-in with a second factor",
    50078: "Microsoft wants another sign-in with a second factor",
    50079: "Microsoft wants a second factor to be set up",
    50097: "Microsoft wants to know the device",
    50132: "the password or the sign-in was reset",
    50173: "the password was changed or the sign-ins were revoked",
    54005: "this sign-in was used before",
    70000: "the sign-in was revoked or is not for this app",
    70008: "the sign-in is too old",
    70017: "the sign-in was declined at Microsoft's page",
    70019: "the code has expired",
    70020: "the code has expired",
    70043: "the sign-in is too old for the tenant's policy",
    700082: "the sign-in was not used for too long",
    700084: "the sign-in is too old",
}
APP = frozenset({7000215, 7000222, 7000218, 700027, 700016, 700025, 90002, 500011, 50194})
"""What is wrong with the app's registration stops everyone, whoever asked."""
_APP_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
_TEMPORARY = frozenset({90033, 50196, 90025, 900491, 90024})
_THROTTLED = frozenset({90055, 50192})
_CODE = re.compile(r"AADSTS(\d{4,9})")
_DECLINED = "access_denied"
_AGAIN = "sign in again"
MUST_ACT = "an administrator must act"
"""The person who signs in cannot mend it alone."""


def refusal(answer: Mapping[str, object], *, everyone: bool) -> Refused:
    """Say what Entra's error answer (`error`, `error_codes`, `error_description`) means for us.

    `everyone`: it was the app itself that asked for a token.
    """
    codes = codes_of(answer)
    error = str(answer.get("error") or "")[:60]
    if _TEMPORARY.intersection(codes) or error in {"temporarily_unavailable", "server_error"}:
        return Unavailable(
            _with_code("Microsoft's sign-in is not able at the moment", codes, error)
        )
    if _THROTTLED.intersection(codes):
        text = _with_code("Microsoft's sign-in asks for patience", codes, error)
        return Throttled(text, retry_after=THROTTLED_WAIT)
    of_the_app = bool(APP.intersection(codes)) or error in _APP_ERRORS
    text = _with_code(_sentence(codes, error), codes, error)
    return Unauthorized(text, everyone=everyone or of_the_app)


def codes_of(answer: Mapping[str, object]) -> tuple[int, ...]:
    """Return the AADSTS codes, from the list if there is one, else from the text."""
    listed = answer.get("error_codes")
    if isinstance(listed, list):
        return tuple(code for code in listed if isinstance(code, int))
    found = _CODE.findall(str(answer.get("error_description") or ""))
    return tuple(int(code) for code in found)


def _sentence(codes: tuple[int, ...], error: str) -> str:
    for code in codes:
        if code in OPERATOR:
            return OPERATOR[code] if code in APP else f"{MUST_ACT}: {OPERATOR[code]}"
        if code in PERSON:
            return f"{PERSON[code]}: {_AGAIN}"
    if error == _DECLINED:
        return "the sign-in was declined at Microsoft's page"
    if error in {"invalid_grant", "interaction_required", "login_required", "consent_required"}:
        return f"Microsoft wants this person to {_AGAIN}"
    return "Microsoft's sign-in refuses"


def _with_code(sentence: str, codes: tuple[int, ...], error: str) -> str:
    mark = f"AADSTS{codes[0]}" if codes else error or "no code"
    return f"{sentence} ({mark})"
