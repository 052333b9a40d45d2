"""How Graph and Entra say no: two errors, and the JSON that each becomes.

The texts are those of the real service where someone has published them; only `code` is stable
(learn.microsoft.com graph/errors).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

Json = dict[str, object]

JSON_TYPE = (
    "application/json;odata.metadata=minimal;odata.streaming=true;"
    "IEEE754Compatible=false;charset=utf-8"
)
"""What Graph calls its JSON."""
_OF_STATUS = {
    429: ("TooManyRequests", "Please retry again later."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "Bad gateway."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The server took too long to answer."),
}


class GraphError(Exception):
    """Graph answers this request with an error."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.inner: Json = {}
        """Further properties of `innerError`."""


class SigninError(Exception):
    """Entra refuses; `number` is the AADSTS code."""

    def __init__(
        self, error: str, number: int, text: str, *, status: int = 400, suberror: str = ""
    ) -> None:
        super().__init__(text)
        self.error = error
        self.number = number
        self.text = text
        self.status = status
        self.suberror = suberror
        self.claims = ""
        """What a new token would need, as JSON, where Entra says so."""


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    return GraphError(400, code, message)


def not_found(message: str = "NotFound") -> GraphError:
    return GraphError(404, "NotFound", message)


def no_such_user(user: str) -> GraphError:
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{user}' does not exist or one of its queried reference-property objects "
        "are not present.",
    )


def forbidden(message: str = "Forbidden") -> GraphError:
    return GraphError(403, "Forbidden", message)


def not_a_member() -> GraphError:
    return forbidden("AclCheckFailed-Initiator is not a member of the thread.")


def unauthenticated(message: str) -> GraphError:
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/'
        'authorize", client_id="00000003-0000-0000-c000-000000000000"'
    )
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})


def not_application_only() -> GraphError:
    """Measured by others: microsoftgraph/microsoft-graph-docs issue 17168."""
    return GraphError(
        412,
        "PreconditionFailed",
        "Requested API is not supported in application-only context",
    )


def graph_error(error: GraphError, now: datetime, client_request_id: str) -> Json:
    """The body of a refused Graph request (learn.microsoft.com graph/errors)."""
    request_id = str(uuid4())
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "innerError": {
                **error.inner,
                "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": client_request_id or request_id,
            },
        }
    }


def signin_error(error: SigninError, now: datetime, correlation: str = "") -> Json:
    """The body of a refused token request (learn.microsoft.com entra reference-error-codes).

    `correlation` is the client's own id of the request, where it sent one.
    """
    trace, correlation = str(uuid4()), correlation or str(uuid4())
    at = now.strftime("%Y-%m-%d %H:%M:%SZ")
    answer: Json = {
        "error": error.error,
        "error_description": (
            f"AADSTS{error.number}: {error.text} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {at}"
        ),
        "error_codes": [error.number],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={error.number}",
    }
    if error.suberror:
        answer["suberror"] = error.suberror
    if error.claims:
        answer["claims"] = error.claims
    return answer


def unwell(status: int, retry_after: timedelta | None = None) -> GraphError:
    """The service is busy or broken."""
    code, message = _OF_STATUS.get(status, ("UnknownError", ""))
    headers = {} if retry_after is None else {"Retry-After": seconds(retry_after)}
    return GraphError(status, code, message, headers)


def seconds(duration: timedelta) -> str:
    """A duration as `Retry-After` wants it."""
    return str(max(1, round(duration.total_seconds())))
