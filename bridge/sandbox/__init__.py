"""A whole world on one machine, for `make demo` and the tests; imports nothing of the bridge.

tenant                    Teams, simulated: Graph, sign-in, notifications
homeserver  postgres      the real ones, as children that end with us
tls                       a throw-away authority, and the reverse proxy in front of the webhook
installation  people      a bridge as an operator sets it up · people at a client and a browser
scene                     all of it at once
demo  script  showcase    `teams-bridge demo`: its entry, its fixed conversation, its page
processes  leash  accounts    children: started, owned, ended, and as whom they run
"""
