"""The pages that a browser sees while it signs in; everything that is shown is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bridge.sandbox.tenant.world import App, User

_OURS = frozenset({"user", "cancel"})
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


def choose(
    organisation: str,
    app: App,
    people: Sequence[User],
    scopes: Sequence[str],
    query: Mapping[str, str],
) -> str:
    """Pick an account and, with it, agree to what the app asks for."""
    hidden = "".join(_hidden(name, value) for name, value in query.items() if name not in _OURS)
    accounts = "".join(_account(user) for user in people) or "<p>There is no account yet.</p>"
    wishes = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
    body = (
        f"<h1>Pick an account</h1><p>{escape(organisation)}</p>"
        f"<p><strong>{escape(app.name)}</strong> would like to:</p><ul>{wishes}</ul>"
        f'<form method="post">{hidden}{accounts}'
        '<button name="cancel" value="1">Cancel</button></form>'
        '<p class="note">This is a simulated sign-in. There are no passwords here.</p>'
    )
    return _FRAME.format(title="Sign in to your account", body=body)


def refuse(text: str) -> str:
    """Sorry, but we're having trouble signing you in."""
    body = f"<h1>Sign in</h1><p>Sorry, but we are having trouble signing you in.</p><p>{escape(text)}</p>"
    return _FRAME.format(title="Sign in to your account", body=body)


def post_back(uri: str, fields: Mapping[str, str]) -> str:
    """`response_mode=form_post`: the browser carries the answer to the app."""
    hidden = "".join(_hidden(name, value) for name, value in fields.items())
    body = (
        f'<form method="post" action="{escape(uri)}">{hidden}<button>Continue</button></form>'
        "<script>document.forms[0].submit()</script>"
    )
    return _FRAME.format(title="Working...", body=body)


def _account(user: User) -> str:
    return (
        f'<button name="user" value="{escape(user.id)}">Sign in as {escape(user.display_name)}'
        f"<small>{escape(user.upn)}</small></button>"
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
