"""The pages that a browser sees while it signs in; everything that is shown is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from bridge.sandbox.tenant.errors import SigninError, signin_error
from bridge.sandbox.tenant.world import App, User

_OURS = frozenset({"user", "cancel", "everyone"})
"""Fields of the form that no request may bring along."""

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.4 "Segoe UI", system-ui, sans-serif; background: #f2f2f2; color: #1b1b1b;
       display: grid; place-items: center; min-height: 100vh; margin: 0 }}
main {{ background: #fff; padding: 44px; max-width: 440px; box-sizing: border-box; width: 100%;
       box-shadow: 0 2px 6px rgba(0, 0, 0, .2) }}
h1 {{ font-size: 1.5rem; font-weight: 600; margin: 0 0 .5rem }}
ul {{ padding-left: 1.2rem }}
button {{ font: inherit; width: 100%; text-align: left; padding: .7rem 1rem; margin: .25rem 0;
         border: 1px solid #ccc; background: #fff; cursor: pointer }}
button:hover, button:focus {{ background: #eef4ff; border-color: #0067b8 }}
button small {{ display: block; color: #555 }}
p.note {{ color: #555; font-size: .85rem }}
</style></head><body><main>{body}</main></body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the browser gets: a page, or another place to go to."""

    status: int
    html: str = ""
    location: str = ""


def choose(
    organisation: str,
    app: App,
    people: Sequence[User],
    scopes: Sequence[str],
    query: Mapping[str, str],
) -> str:
    """Pick an account and, with it, agree to what the app asks for."""
    hidden, accounts, wishes = _parts(people, scopes, query)
    everyone = (
        '<p><label><input type="checkbox" name="everyone" value="1"> '
        "Consent on behalf of your organisation</label></p>"
    )
    asked = everyone if any(user.admin for user in people) else ""
    body = (
        f"<h1>Pick an account</h1><p>{escape(organisation)}</p>"
        f"<p><strong>{escape(app.name)}</strong> would like to:</p><ul>{wishes}</ul>"
        f'<form method="post">{hidden}{asked}{accounts}'
        '<button name="cancel" value="1">Cancel</button></form>'
        '<p class="note">This is a simulated sign-in. There are no passwords here.</p>'
    )
    return _FRAME.format(title="Sign in to your account", body=body)


def refused(error: SigninError, now: datetime) -> Shown:
    """Tell the person at the page, and nobody else."""
    text = str(signin_error(error, now)["error_description"])
    return Shown(status=400, html=refuse(text))


def refuse(text: str) -> str:
    """Sorry, but we're having trouble signing you in."""
    body = f"<h1>Sign in</h1><p>Sorry, but we are having trouble signing you in.</p><p>{escape(text)}</p>"
    return _FRAME.format(title="Sign in to your account", body=body)


def enter_code(problem: str = "") -> str:
    """Where a person types the code that a device shows."""
    body = (
        f"<h1>Enter code to allow access</h1><p>{escape(problem)}</p>"
        "<p>Once you enter the code displayed on your app or device, it will have access to your "
        'account. Do not enter codes from sources you do not trust.</p><form method="post">'
        '<p><label>Code <input name="otc" maxlength="32" autocomplete="off" required></label></p>'
        "<button>Next</button></form>"
    )
    return _FRAME.format(title="Sign in to your account", body=body)


def tell(text: str) -> str:
    """One sentence, and the window may be closed."""
    return _FRAME.format(title="Sign in to your account", body=f"<h1>{escape(text)}</h1>")


def permissions(
    organisation: str,
    app: App,
    people: Sequence[User],
    wanted: Sequence[str],
    query: Mapping[str, str],
) -> str:
    """An administrator grants permissions for the whole organisation."""
    hidden, accounts, wishes = _parts(people, wanted, query)
    body = (
        f"<h1>Permissions requested</h1><p>Review for your organisation, {escape(organisation)}</p>"
        f"<p><strong>{escape(app.name)}</strong> would like to:</p><ul>{wishes}</ul>"
        "<p>If you accept, this app will get access to the specified resources for all users in "
        "your organisation. No one else will be prompted to review these permissions.</p>"
        f'<form method="post">{hidden}{accounts}'
        '<button name="cancel" value="1">Cancel</button></form>'
        '<p class="note">This is a simulated sign-in. There are no passwords here.</p>'
    )
    return _FRAME.format(title="Permissions requested", body=body)


def post_back(uri: str, fields: Mapping[str, str]) -> str:
    """`response_mode=form_post`: the browser carries the answer to the app."""
    hidden = "".join(_hidden(name, value) for name, value in fields.items())
    body = (
        f'<form method="post" action="{escape(uri)}">{hidden}<button>Continue</button></form>'
        "<script>document.forms[0].submit()</script>"
    )
    return _FRAME.format(title="Working...", body=body)


def _parts(
    people: Sequence[User], wanted: Sequence[str], query: Mapping[str, str]
) -> tuple[str, str, str]:
    """What the request brought along, the accounts to choose from, and what the app asks for."""
    hidden = "".join(_hidden(name, value) for name, value in query.items() if name not in _OURS)
    accounts = "".join(_account(user) for user in people) or "<p>There is no account yet.</p>"
    return hidden, accounts, "".join(f"<li>{escape(name)}</li>" for name in wanted)


def _account(user: User) -> str:
    return (
        f'<button name="user" value="{escape(user.id)}">Sign in as {escape(user.display_name)}'
        f"<small>{escape(user.upn)}</small></button>"
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
