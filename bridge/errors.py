"""Every error the bridge raises on purpose.

* BridgeError
  x ConfigError             the operator must change something; exit code 78
  x RemoteError             a network answered, or failed to
    + Refused               certainly not carried out
      - Throttled           ... yet; repeat after `retry_after`
      - Unavailable         ... yet; repeat with back-off
      - TargetMissing       ... yet; what it refers to is not there
      - NotOurs             ... by us: another process has taken over
      - HeldBack            ... before what goes first, which waits for a sign-in
      - Unauthorized        ... until someone signs in again
      - Rejected            ... and never will be: bad request, forbidden
        . Gone              ... as what it is about is no more
    + Uncertain             perhaps carried out; look before you repeat
      - Undecidable         ... and no look will tell: a person must
  x StoreUnavailable        Postgres is away or refuses; what was not acknowledged may be lost
  x Unconvertible           a payload we cannot turn into an event or a body
  x InvariantBroken         a bug of ours; caught only at the worker's seam
"""

from __future__ import annotations

from datetime import timedelta


class BridgeError(Exception):
    """Base of every error in this module; `str(error)` is fit for an operator to read."""


class ConfigError(BridgeError):
    """The operator must change something; carries every problem that was found."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class RemoteError(BridgeError):
    """A call to one of the two networks did not give its result."""


class Refused(RemoteError):
    """The call was certainly not carried out."""


class Throttled(Refused):
    """The network asked us to come back later."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Refused):
    """The network was not there, or said it was not able."""


class TargetMissing(Refused):
    """What an edit, a deletion or a reaction refers to is not on the far side, or not yet."""


class NotOurs(Refused):
    """Another process has taken over what we were about to do; it is done there, or will be."""


class HeldBack(Refused):
    """What its author did there before waits for a sign-in, and goes first."""


class Unauthorized(Refused):
    """Credentials for this call are no longer good.

    `everyone`: they are the bridge's own, so that nothing at all passes until an operator acts;
    otherwise those of one person, who must sign in again. `sign_in`: the number of that person's
    sign-in that was refused; None where they are not signed in.
    """

    def __init__(self, message: str, *, everyone: bool = False, sign_in: int | None = None) -> None:
        super().__init__(message)
        self.everyone = everyone
        self.sign_in = sign_in


class Rejected(Refused):
    """The call will never be carried out in this form."""


class Gone(Rejected):
    """What the call is about is not there, or is there no more."""


class NotCopied(Rejected):
    """Bytes of a message stay where they are, now and later; the message goes on without them.

    `loss` names why, as losses are named; `size` is how many they are, where that is known.
    """

    def __init__(self, message: str, *, loss: str, size: int | None = None) -> None:
        super().__init__(message)
        self.loss = loss
        self.size = size


class Uncertain(RemoteError):
    """The call may have been carried out: look for its trace before repeating it."""


class Undecidable(Uncertain):
    """What there is to be seen may be what an earlier call left, or may not; it will stay so."""


class StoreUnavailable(BridgeError):
    """Postgres did not answer, or cannot write; the last transaction is not to be relied upon."""


class Unconvertible(BridgeError):
    """A payload that we cannot turn into an event or a body, now or ever."""


class InvariantBroken(BridgeError):
    """A bug of ours; it parks the delivery at hand and wakes a person."""
