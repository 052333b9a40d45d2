"""The refusals of Entra, by their AADSTS number: error, text, suberror.

Texts are those of learn.microsoft.com entra reference-error-codes and of answers that others have
published: 50076 with `claims` in microsoft-authentication-library-for-js issue 5491, 53003 in
BotBuilder-MicrosoftTeams issue 284 and MSOLSpray issue 5, 65001 in azure-docs issue 39189, 70043
in nais/device issue 45, 70016 in azure-activedirectory-library-for-nodejs issue 137, 70020 in
azure-cli issue 22251, 7000112 in psoxy pull request 74.
Microsoft publishes no list of suberrors; where nobody has shown one, ours is a guess.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import orjson

from bridge.sandbox.tenant.errors import SigninError

UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What belongs to a number."""

    error: str
    text: str
    """With `{names}` that `refusal` fills in."""
    suberror: str = ""
    claims: bool = False
    """Whether Entra names the policy in `claims`."""
    status: int = 400


def _grant(text: str, suberror: str = "", *, claims: bool = False) -> Kind:
    return Kind(error="invalid_grant", text=text, suberror=suberror, claims=claims)


def _request(text: str) -> Kind:
    return Kind(error="invalid_request", text=text)


def _client(text: str) -> Kind:
    return Kind(error="invalid_client", text=text, status=UNAUTHORIZED)


_NO_CERTIFICATE = (
    "The certificate with identifier used to sign the client assertion is {certificate}. "
    "[Reason - {reason}]"
)
_MOVED = (
    "Due to a configuration change made by your administrator, or because you moved to a new "
    "location, you must "
)
GRAPH = "00000003-0000-0000-c000-000000000000"

KINDS: dict[int, Kind] = {
    # Conditional Access and other rules of the organisation
    50076: _grant(
        _MOVED + f"use multi-factor authentication to access '{GRAPH}'.",
        "basic_action",
        claims=True,
    ),
    50078: _grant(
        "Presented multi-factor authentication has expired due to policies configured by your "
        f"administrator, you must refresh your multi-factor authentication to access '{GRAPH}'.",
        "basic_action",
        claims=True,
    ),
    50079: _grant(
        _MOVED + f"enroll in multi-factor authentication to access '{GRAPH}'.",
        "basic_action",
        claims=True,
    ),
    50097: _grant("Device authentication is required.", "basic_action", claims=True),
    50105: _grant(
        "Your administrator has configured the application {name} ('{app}') to block users unless "
        "they are specifically granted ('assigned') access to the application. The signed in user "
        "'{user}' is blocked because they are not a direct member of a group with access, nor had "
        "access directly assigned by an administrator. Please contact your administrator to "
        "assign access to this application.",
    ),
    53000: _grant(
        "Device is not in required device state: compliant. Conditional Access policy requires a "
        "compliant device, and the device is not compliant. The user must enroll their device "
        "with an approved MDM provider like Intune.",
        "message_only",
        claims=True,
    ),
    53001: _grant(
        "Device is not in required device state: domain_joined. Conditional Access policy "
        "requires a domain joined device, and the device is not domain joined.",
        "message_only",
        claims=True,
    ),
    53003: _grant(
        "Access has been blocked by Conditional Access policies. The access policy does not allow "
        "token issuance.",
        "message_only",
        claims=True,
    ),
    530003: _grant(
        "Your device is required to be managed to access this resource.",
        "additional_action",
        claims=True,
    ),
    530032: _grant("Tenant security policy does not allow access.", "message_only"),
    # Users
    50034: _grant(
        "The user account {user} does not exist in the {tenant} directory. To sign into this "
        "application, the account must be added to the directory.",
    ),
    50053: _grant(
        "The account is locked, you've tried to sign in too many times with an incorrect user ID "
        "or password.",
    ),
    50055: _grant("The password is expired.", "user_password_expired"),
    50057: _grant("The user account is disabled."),
    50058: Kind(
        error="login_required",
        text="A silent sign-in request was sent but no user is signed in.",
    ),
    50126: _grant("Error validating credentials due to invalid username or password."),
    # Consent
    65001: _grant(
        "The user or administrator has not consented to use the application with ID '{app}' named "
        "'{name}'. Send an interactive authorization request for this user and resource.",
        "consent_required",
    ),
    65004: Kind(error="access_denied", text="User declined to consent to access the app."),
    90094: Kind(
        error="access_denied",
        text="The grant requires admin permission. An administrator of the organisation must "
        "grant {scopes} to application '{app}'.",
    ),
    # Grants: codes and refresh tokens
    50173: _grant(
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. "
        "The user might have changed or reset their password. The grant was issued on '{issued}' "
        "and the TokensValidFrom date (before which tokens are not valid) for this user is "
        "'{since}'.",
        "bad_token",
    ),
    50196: _grant(
        "The server terminated an operation because it encountered a client request loop. Please "
        "contact your app vendor.",
    ),
    54005: _grant(
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or "
        "use an existing refresh token.",
    ),
    70000: _grant(
        "The provided value for the input parameter '{parameter}' is not valid.",
    ),
    70008: _grant(
        "The provided authorization code or refresh token has expired due to inactivity. Send a "
        "new interactive authorization request for this user and resource.",
    ),
    70043: _grant(
        "The refresh token has expired or is invalid due to sign-in frequency checks by "
        "conditional access. The token was issued on {issued} and the maximum allowed lifetime "
        "for this request is {allowed}.",
        "token_expired",
    ),
    700082: _grant(
        "The refresh token has expired due to inactivity. The token was issued on {issued} and "
        "was inactive for 90.00:00:00.",
        "bad_token",
    ),
    500112: _grant(
        "The reply address '{given}' does not match the reply address '{wanted}' provided when "
        "requesting Authorization code.",
    ),
    501481: _grant(
        "The Code_Verifier does not match the code_challenge supplied in the authorization "
        "request.",
    ),
    9002313: _grant("Invalid request. Request is malformed or invalid."),
    # Device codes
    70016: Kind(
        error="authorization_pending",
        text="OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    ),
    70017: Kind(
        error="authorization_declined",
        text="OAuth 2.0 device flow error. The user declined the authorization request.",
    ),
    70018: _request("Invalid verification code. The code that was typed is not known."),
    70019: _request("The verification code has expired. Start again on the device."),
    70020: Kind(
        error="expired_token",
        text="The provided value for the input parameter 'device_code' is not valid. This device "
        "code has expired.",
    ),
    90119: _request("The user code is null or empty."),
    90120: _request("The request was already authorized or declined."),
    # Apps
    50011: _request(
        "The redirect URI '{given}' specified in the request does not match the redirect URIs "
        "configured for the application '{app}'. Make sure the redirect URI sent in the request "
        "matches one added to your application.",
    ),
    50194: _request(
        "Application '{app}'({name}) is not configured as a multi-tenant application. Usage of "
        "the /{key} endpoint is not supported for such apps created after '10/15/2018'. Use a "
        "tenant-specific endpoint or configure the application to be multi-tenant.",
    ),
    700016: Kind(
        error="unauthorized_client",
        text="Application with identifier '{app}' was not found in the directory '{tenant}'. This "
        "can happen if the application has not been installed by the administrator of the tenant "
        "or consented to by any user in the tenant. You may have sent your authentication request "
        "to the wrong tenant.",
    ),
    7000112: Kind(
        error="unauthorized_client",
        text="Application '{app}'({name}) is disabled.",
    ),
    7000215: _client(
        "Invalid client secret provided. Ensure the secret being sent in the request is the "
        "client secret value, not the client secret ID, for a secret added to app '{app}'.",
    ),
    7000218: _client(
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.",
    ),
    7000222: _client(
        "The provided client secret keys for app '{app}' are expired. Visit the Azure portal to "
        "create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
        "certificate credentials for added security: https://aka.ms/certCreds.",
    ),
    700025: _client(
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    # Client assertions
    50013: _client("Assertion failed: the assertion was presented before."),
    700021: _client(
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    ),
    700023: _client("Client assertion audience claim does not match Realm issuer."),
    700024: _client(
        "Client assertion is not within its valid time range. Current time: {now}, assertion "
        "valid from {begins}, expiry time of assertion {ends}.",
    ),
    700027: _client(_NO_CERTIFICATE),
    # The form of the request
    70003: Kind(
        error="unsupported_grant_type",
        text="The app requested an unsupported grant type '{given}'.",
    ),
    70005: Kind(
        error="unsupported_response_type",
        text="The app returned an unsupported response type '{given}'.",
    ),
    70007: _request("'{given}' is not a supported value of 'response_mode'."),
    70011: Kind(
        error="invalid_scope",
        text="The provided request must include a 'scope' input parameter. The provided value for "
        "the input parameter 'scope' is not valid. The scope {given} is not valid.",
    ),
    90002: _request(
        "Tenant '{key}' not found. Check to make sure you have the correct tenant ID and are "
        "signing into the correct cloud. Check with your subscription administrator, this may "
        "happen if there are no active subscriptions for the tenant.",
    ),
    90015: _request("The query string is too long."),
    90023: _request("Unsupported '{parameter}' value '{given}'."),
    90100: _request("{parameter} parameter is empty or not valid."),
    500011: Kind(
        error="invalid_resource",
        text="The resource principal named {given} was not found in the tenant named {tenant}.",
    ),
    501491: _request("Invalid size of Code_Challenge parameter."),
    900144: _request("The request body must contain the following parameter: '{parameter}'."),
    900561: _request(
        "The endpoint only accepts {accepted} requests. Received a {given} request.",
    ),
    900971: _request("No reply address provided."),
    1002012: Kind(
        error="invalid_scope",
        text="The provided value for scope {given} is not valid. Client credential flows must "
        "have a scope value with /.default suffixed to the resource identifier (application ID "
        "URI).",
    ),
    9001023: _request(
        "The grant type is not supported over the /common or /consumers endpoints. Please use "
        "the /organizations or tenant-specific endpoint.",
    ),
    9002332: _request(
        "Application '{app}'({name}) is configured for use by Microsoft Entra users only. Please "
        "do not use the /consumers endpoint to serve this request.",
    ),
    90055: Kind(
        error="temporarily_unavailable",
        text="There are too many incoming requests. Try again later.",
        status=429,
    ),
}


def refusal(number: int, **values: object) -> SigninError:
    """The refusal of this number with `values` in its text.

    `policy` is the id that goes into `claims`, for numbers that have them.
    """
    kind = KINDS[number]
    text = kind.text.format_map(defaultdict(str, {k: str(v) for k, v in values.items()}))
    error = SigninError(kind.error, number, text, status=kind.status, suberror=kind.suberror)
    if kind.claims and "policy" in values:
        error.claims = _claims(str(values["policy"]))
    return error


def missing(parameter: str) -> SigninError:
    """The request lacks a parameter."""
    return refusal(900144, parameter=parameter)


def _claims(policy: str) -> str:
    """The claims that lead an interactive request past the policy."""
    wanted = {"access_token": {"capolids": {"essential": True, "values": [policy]}}}
    return orjson.dumps(wanted).decode()
