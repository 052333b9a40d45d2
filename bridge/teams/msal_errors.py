"""What msal raises, and what its transport meets, as our errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bridge.errors import Refused, Throttled, Unauthorized, Unavailable
from bridge.teams.msal_transport import Later, MsalAnswer
from bridge.teams.refusals import THROTTLED_WAIT
from bridge.teams.transport import TOO_MANY_REQUESTS


class Misfit(Unauthorized):
    """The library finds what it was given, or got, at odds: a state or nonce of another flow."""


def plainly(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - msal has no types
    """Call msal in this thread and turn what it raises into our errors."""
    try:
        return work()
    except Later as error:
        raise _later(error.answer) from error
    except OSError as error:
        text = f"Microsoft's sign-in cannot be reached ({type(error).__name__})"
        raise Unavailable(text) from error
    except json.JSONDecodeError as error:
        raise Unavailable("Microsoft's sign-in answers with something that is not JSON") from error
    except ValueError as error:
        if "authority configuration" in str(error):
            text = "the tenant is unknown to Microsoft's sign-in: check teams.tenant_id"
            raise Unauthorized(text, everyone=True) from error
        raise _misfit(error) from error
    except RuntimeError as error:
        raise _misfit(error) from error


def _misfit(error: Exception) -> Misfit:
    text = (
        f"Microsoft's sign-in library finds a request or an answer at odds ({type(error).__name__})"
    )
    return Misfit(text, everyone=True)


def _later(answer: MsalAnswer) -> Refused:
    if answer.status_code == TOO_MANY_REQUESTS:
        told = answer.headers.get("Retry-After", "")
        wait = timedelta(seconds=int(told)) if told.isdecimal() else THROTTLED_WAIT
        return Throttled("Microsoft's sign-in asks for patience", retry_after=wait)
    return Unavailable(f"Microsoft's sign-in is not able now (HTTP {answer.status_code})")
