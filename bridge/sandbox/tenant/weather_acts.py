"""Storms, scripts, and subscriptions that die by the dozen: control requests about the weather.

`levers.py` has those about single rules and about notifications.
"""

from __future__ import annotations

import re
from datetime import timedelta

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.ask import Act, Ask, choice, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.lifecycle import REAUTHORIZE
from bridge.sandbox.tenant.notify import REMOVED
from bridge.sandbox.tenant.script import STEPS_MAX, Script, Step
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.weather import FAULTS_MAX, HOLD, Fault, FaultKind, Storm

METHODS = ("POST", "PATCH", "DELETE", "PUT")
"""What a step may do: change something."""
PATTERN_MAX = 200
"""Characters of an expression."""
_STATUSES = (429, 500, 503, 504)


async def add_storm(ask: Ask) -> Reply:
    """Requests fail by chance: `probability`, `path`, `method` and `faults`.

    Each fault is `{kind, status, retry_after_seconds, hold_seconds, weight}`; without any, it is
    an answer with 429, 500, 503 or 504, a broken connection before or after the work.
    """
    storms = ask.tenant.weather.storms
    if len(storms) >= FAULTS_MAX:
        raise bad_request("There are too many storms.")
    faults = [_fault(item) for item in wire.objects(ask.body, "faults")]
    storms.append(
        Storm(
            probability=_share(ask.body, "probability", 0.0),
            path=_pattern(ask.body, "path"),
            method=wire.optional_text(ask.body, "method"),
            faults=tuple(faults or _usual()),
        )
    )
    return Reply(status=204)


async def end_storms(ask: Ask) -> Reply:
    ask.tenant.weather.storms.clear()
    return Reply(status=204)


async def kill_some(ask: Ask) -> Reply:
    """End subscriptions: a `share` of those whose resource matches, with or without a word."""
    chosen = _chosen(ask)
    for item in chosen:
        ask.tenant.subscriptions.remove(item.id)
        if wire.optional_flag(ask.body, "lifecycle"):
            ask.notifier.lifecycle(item, REMOVED)
    return Reply(body={"ids": [item.id for item in chosen]})


async def challenge_some(ask: Ask) -> Reply:
    """Ask for the reauthorization of a `share` of those whose resource matches."""
    chosen = _chosen(ask)
    for item in chosen:
        item.challenged = ask.tenant.clock.now()
        ask.notifier.lifecycle(item, REAUTHORIZE)
    return Reply(body={"ids": [item.id for item in chosen]})


async def start_script(ask: Ask) -> Reply:
    """Play `steps` from now on; `seed` is the weather's, and that of the steps' jitter.

    A step is `{at, do: "POST /weather", body, query, jitter, every, times}`, in seconds.
    """
    steps = [_step(item) for item in wire.objects(ask.body, "steps")]
    if sum(step.times for step in steps) > STEPS_MAX:
        msg = f"A script has at most {STEPS_MAX} steps."
        raise bad_request(msg)
    seed = ask.body.get("seed")
    script = _script(ask)
    script.start(steps, None if seed is None else int(number(seed)))
    return Reply(body=script.report())


async def stop_script(ask: Ask) -> Reply:
    _script(ask).stop()
    return Reply(body=_script(ask).report())


async def show_script(ask: Ask) -> Reply:
    return Reply(body=_script(ask).report())


def _script(ask: Ask) -> Script:
    if ask.tenant.script is None:
        raise GraphError(404, "NotFound", "No server plays this tenant.")
    return ask.tenant.script


def _step(item: Json) -> Step:
    method, _, path = wire.required_text(item, "do").partition(" ")
    if method not in METHODS or not path.startswith("/") or path.startswith("/script"):
        msg = f"A step does one of {', '.join(METHODS)}, and plays no script."
        raise bad_request(msg)
    query = wire.as_object(item.get("query", {}), "query")
    step = Step(
        at=number(item.get("at", 0)),
        method=method,
        path=path,
        body=wire.as_object(item.get("body", {}), "body"),
        query={name: wire.as_text(value, name) for name, value in query.items()},
        jitter=number(item.get("jitter", 0)),
        every=number(item.get("every", 0)),
        times=int(number(item.get("times", 1))),
    )
    if min(step.at, step.jitter, step.every, step.times - 1) < 0 or step.times > STEPS_MAX:
        raise bad_request("A step's times are not negative.")
    return step


def _fault(item: Json) -> tuple[float, Fault]:
    after = item.get("retry_after_seconds")
    weight = number(item.get("weight", 1))
    if weight <= 0:
        raise bad_request("A weight is more than 0.")
    return weight, Fault(
        path="",
        kind=choice(FaultKind, wire.optional_text(item, "kind") or "answer"),
        status=int(number(item.get("status", 503))),
        retry_after=None if after is None else timedelta(seconds=number(after)),
        hold=timedelta(seconds=number(item.get("hold_seconds", HOLD.total_seconds()))),
    )


def _usual() -> list[tuple[float, Fault]]:
    answers = [Fault(path="", status=status) for status in _STATUSES]
    drops = [Fault(path="", kind=k) for k in (FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER)]
    return [(1.0, fault) for fault in (*answers, *drops)]


def _chosen(ask: Ask) -> list[Subscription]:
    pattern = re.compile(_pattern(ask.body, "resource"))
    share, luck = _share(ask.body, "share", 1.0), ask.tenant.weather.luck
    every = [s for s in ask.tenant.subscriptions.values() if pattern.search(s.resource)]
    return [item for item in every if luck.uniform(0, 1) < share]


def _pattern(body: Json, name: str) -> str:
    text = wire.optional_text(body, name) or ""
    try:
        re.compile(text[:PATTERN_MAX])
    except re.error:
        msg = f"{name} is no regular expression."
        raise bad_request(msg) from None
    return text[:PATTERN_MAX]


def _share(body: Json, name: str, default: float) -> float:
    share = number(body.get(name, default))
    if not 0 <= share <= 1:
        msg = f"{name} is from 0 to 1."
        raise bad_request(msg)
    return share


ACTS: list[tuple[str, Act]] = [
    ("POST /storms", add_storm),
    ("DELETE /storms", end_storms),
    ("POST /subscriptions/kill", kill_some),
    ("POST /subscriptions/challenge", challenge_some),
    ("POST /script", start_script),
    ("DELETE /script", stop_script),
    ("GET /script", show_script),
]
