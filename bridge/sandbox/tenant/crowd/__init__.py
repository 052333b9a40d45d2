"""An organisation of any size, imagined from a seed: people, chats, teams, and what they said.

    draw.py ── plan.py (how large) ── census.py (who is where: a few bytes per chat)
                                         │
    words.py ── texts.py ─┐              ├── shelves.py: tenant.users, .chats, .teams
    calendar.py ──────────┴─ history.py ─┘       └── each conversation's `Timeline`
                                         │
                             traffic.py: messages at a rate, over the same conversations

What nobody has touched costs a few bytes and is made when it is looked at, always the same way.
What was asked for by its id or changed is kept as the tenant keeps everything else. `acts.py` is
the control interface's part of it, `client.py` calls that.
"""
