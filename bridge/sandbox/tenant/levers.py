"""What an administrator, the clock and the weather do: the control requests about them."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import timedelta

from cryptography import x509

from bridge.sandbox.tenant import render, wire
from bridge.sandbox.tenant.ask import Act, Ask, choice, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json, bad_request, not_found
from bridge.sandbox.tenant.lifecycle import REAUTHORIZE
from bridge.sandbox.tenant.notify import REMOVED
from bridge.sandbox.tenant.settings import DeleteForm, Settings
from bridge.sandbox.tenant.weather import FAULTS_MAX, HOLD, Away, Fault, FaultKind, Weather
from bridge.sandbox.tenant.world import App


async def register_app(ask: Ask) -> Reply:
    app = ask.tenant.register_app(
        name=wire.optional_text(ask.body, "name") or "bridge",
        client_id=wire.optional_text(ask.body, "client_id"),
        secret=wire.optional_text(ask.body, "secret"),
    )
    _configure(app, ask.body)
    return Reply(status=201, body=_app(app))


async def change_app(ask: Ask) -> Reply:
    """Replace what is given; a new `secret` is added, old ones stay until they are expired."""
    app = _find_app(ask)
    secret = wire.optional_text(ask.body, "secret")
    if secret is not None:
        ask.tenant.add_secret(app, secret)
    _configure(app, ask.body)
    return Reply(body=_app(app))


async def expire_secret(ask: Ask) -> Reply:
    """All secrets of the app, or the one given by its value, are expired from now on."""
    value = wire.optional_text(ask.body, "secret")
    for secret in _find_app(ask).secrets:
        if value in (None, secret.value):
            secret.expires = ask.tenant.clock.now()
    return Reply(status=204)


async def list_subscriptions(ask: Ask) -> Reply:
    items = [
        {
            **render.subscription(item),
            "counts": asdict(item.counts),
            "lifecycle_counts": asdict(item.lifecycle_counts),
            "double_renewals": item.double_renewals,
        }
        for item in ask.tenant.subscriptions.values()
    ]
    return Reply(body={"subscriptions": items, "pending": ask.notifier.pending()})


async def kill_subscription(ask: Ask) -> Reply:
    """End a subscription as Microsoft sometimes does; `?lifecycle=true` says so to its owner."""
    gone = ask.tenant.subscriptions.remove(ask.ids["subscription"])
    if gone is None:
        raise not_found()
    if ask.query.get("lifecycle") == "true":
        ask.notifier.lifecycle(gone, REMOVED)
    return Reply(status=204)


async def challenge_subscription(ask: Ask) -> Reply:
    """Ask for reauthorization now."""
    found = ask.tenant.subscriptions.get(ask.ids["subscription"])
    if found is None:
        raise not_found()
    found.challenged = ask.tenant.clock.now()
    ask.notifier.lifecycle(found, REAUTHORIZE)
    return Reply(status=204)


async def move_clock(ask: Ask) -> Reply:
    """`advance_seconds` forward, or `set` to an instant."""
    target = wire.optional_text(ask.body, "set")
    if target is not None:
        ask.tenant.clock.set(wire.parse_instant(target, "set"))
    if "advance_seconds" in ask.body:
        ask.tenant.clock.advance(timedelta(seconds=number(ask.body["advance_seconds"])))
    return Reply(body={"now": stamp(ask.tenant.clock.now())})


async def set_weather(ask: Ask) -> Reply:
    weather = ask.tenant.weather
    for name in ("lose", "double", "reorder"):
        if name in ask.body:
            setattr(weather, name, number(ask.body[name]))
    for name in ("reorder_within", "delay", "delay_spread"):
        if f"{name}_seconds" in ask.body:
            seconds = number(ask.body[f"{name}_seconds"])
            setattr(weather, name, timedelta(seconds=seconds))
    if "seed" in ask.body:
        weather.seed(int(number(ask.body["seed"])))
    if "away" in ask.body:
        weather.away = choice(Away, wire.required_text(ask.body, "away"))
        ask.tenant.wake()
    return Reply(status=204)


async def add_fault(ask: Ask) -> Reply:
    """A rule for the next requests; see `Fault`."""
    body = ask.body
    after = body.get("retry_after_seconds")
    fault = Fault(
        path=wire.required_text(body, "path"),
        kind=choice(FaultKind, wire.optional_text(body, "kind") or "answer"),
        method=wire.optional_text(body, "method"),
        status=int(number(body.get("status", 503))),
        times=int(number(body.get("times", 1))),
        retry_after=None if after is None else timedelta(seconds=number(after)),
        hold=timedelta(seconds=number(body.get("hold_seconds", HOLD.total_seconds()))),
    )
    if len(ask.tenant.weather.faults) >= FAULTS_MAX:
        raise bad_request("There are too many rules.")
    ask.tenant.weather.faults.append(fault)
    return Reply(status=204)


async def clear_weather(ask: Ask) -> Reply:
    ask.tenant.weather = Weather()
    ask.tenant.wake()
    return Reply(status=204)


async def change_settings(ask: Ask) -> Reply:
    """Set fields of `Settings` by name."""
    settings = ask.tenant.settings
    known = {item.name for item in fields(Settings)}
    for name, value in ask.body.items():
        if name not in known:
            msg = f"There is no setting {name}."
            raise bad_request(msg)
        if name == "delete_form":
            settings.delete_form = choice(DeleteForm, wire.as_text(value, name))
        elif type(value) is type(getattr(settings, name)):
            setattr(settings, name, value)
        elif type(value) is int and type(getattr(settings, name)) is float:
            setattr(settings, name, float(value))
        else:
            msg = f"The setting {name} is of another type."
            raise bad_request(msg)
    return Reply(status=204)


async def rotate_keys(ask: Ask) -> Reply:
    """Sign with a new key, for all tenants of this server."""
    kid = ask.tenant.keyring.rotate(forget=wire.optional_flag(ask.body, "forget"))
    return Reply(body={"kid": kid})


async def list_requests(ask: Ask) -> Reply:
    """The last requests to Graph and to the token endpoint, oldest first."""
    return Reply(body={"requests": list(ask.tenant.requests)})


def _configure(app: App, body: Json) -> None:
    for name, value in (("application_permissions", app.roles), ("delegated_scopes", app.scopes)):
        if name in body:
            value.clear()
            value.update(_texts(body, name))
    if "redirect_uris" in body:
        app.redirect_uris = _texts(body, "redirect_uris")
    pem = wire.optional_text(body, "certificate")
    if pem is not None:
        try:
            app.certificates.append(x509.load_pem_x509_certificate(pem.encode()))
        except ValueError:
            raise bad_request("The certificate is no PEM.") from None


def _texts(body: Json, name: str) -> list[str]:
    return [wire.as_text(item, name) for item in wire.as_list(body[name], name)]


def _find_app(ask: Ask) -> App:
    app = ask.tenant.apps.get(ask.ids["app"])
    if app is None:
        raise not_found()
    return app


def _app(app: App) -> Json:
    return {"client_id": app.id, "object_id": app.object_id, "name": app.name}


ACTS: list[tuple[str, Act]] = [
    ("POST /apps", register_app),
    ("PATCH /apps/{app}", change_app),
    ("POST /apps/{app}/expire-secret", expire_secret),
    ("GET /subscriptions", list_subscriptions),
    ("DELETE /subscriptions/{subscription}", kill_subscription),
    ("POST /subscriptions/{subscription}/challenge", challenge_subscription),
    ("POST /clock", move_clock),
    ("POST /weather", set_weather),
    ("DELETE /weather", clear_weather),
    ("POST /faults", add_fault),
    ("PATCH /settings", change_settings),
    ("POST /keys", rotate_keys),
    ("GET /requests", list_requests),
]
