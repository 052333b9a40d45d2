"""The directory: profiles, changes since the last look, deleted people, photos, presence.

    users.py ── query.py ── profiles.py        who is who, found and shown
             └─ changes.py ── directory.py     `/users/delta`, deleted people
    photos.py, presence.py ── aggregate.py     pictures; who is there, by sessions that run out
    acts.py                                    what a test or a demo may do with people

`Directory` and `Presences` hang on the tenant as `directory` and `presences`.
"""
