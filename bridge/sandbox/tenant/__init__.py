"""A simulated Microsoft Teams tenant: sign-in, Graph v1.0 and change notifications on loopback.

What is written here was written from Microsoft's public documentation and from answers of the
real service that people have published; it shares no code with the bridge that it tests.

    server.py ─┬─ signin_routes.py          Microsoft sign-in (Entra)
       │       ├─ graph.py ─ routes.py      Graph v1.0: each module's ROUTES
       │       └─ control.py                what only a test may do: each module's ACTS
       │
    tenant.py ─── conversation.py, team_life.py, people/, files/     who exists, what happens
       └───────── notify.py ─ outlet.py ─ envelope.py                what subscribers are told

A request to Graph goes through weather.py, cae.py, limits.py and rsc.py (permissions) to one
operation, which gets a call.py and gives a Reply. Whatever changes is announced once, as a Change.

    ground          tenant, world, settings, clock, rounds, weather, script, errors, wire, paths
    requests        server, answers, graph, routes, call, batch, exchange, permissions, rsc, bookmark
    sign-in         signin*, page, authority, grants, consent, admin_consent, device, clients,
                    tokens, policies, aadsts, cae
    chats           chats, chat_*, pins, read_state, conversation, importing, migration, deleted, trash
    messages        messages, timeline, feed, compose, markup, mentions, quotes, policy, render,
                    identity, identities, kinds, kinds_*, kind_parts, event_details, system_events
    reading much    export, delta
    teams           teams, team_*, channels, channel_*, tags
    Teams apps      catalog, apps_installed, app_*
    notifications   subscriptions, subscription, register, resources, targets, filters, wish, quotas,
                    handshake, coverage, notify, outlet, envelope, seal, health, lifecycle, endpoints
    limits          limits, limit_*
    people          users, people_kinds; people/: directory, photos, presence
    files           files/: OneDrive and SharePoint
    crowd           crowd/: an organisation of any size, and its traffic, imagined from a seed
    control         control, ask, stage, levers, *_stage, *_acts; client, client_*: from outside
"""
