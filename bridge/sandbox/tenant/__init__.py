"""A simulated Microsoft Teams tenant: sign-in, Graph v1.0 and change notifications on loopback.

What is written here was written from Microsoft's public documentation and from answers of the
real service that people have published; it shares no code with the bridge that it tests.

    server.py ── signin.py, grants.py, page.py       Microsoft sign-in (Entra)
       │     ├── graph.py ─ chats, messages, users, subscriptions      Graph v1.0
       │     └── control.py                          what only a test may do; client.py calls it
       │
    world.py ── conversation.py                      who exists, what was said
       └─────── notify.py ── envelope.py             what is told to the subscribers

`weather.py` loses, doubles, delays and refuses, `script.py` does so by the clock; `limits.py` counts
requests; `crowd/` imagines an organisation of any size; `clock.py` is the tenant's own time.
"""
