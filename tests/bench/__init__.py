"""`make bench`: how fast the bridge is, as ratios within one run; no test, and never a gate on time.

rig        scene (real Synapse, real Postgres, the bridge as a process) with 50 portals
collector  a bare application service: sees every event of the homeserver, with its time
raw        the ceiling: bare aiohttp, pre-encoded URLs, same rooms, same ghosts, same bodies
mailer     notifications, encrypted before the clock starts, posted as Graph posts them
measures   B1 to B4 and the webhook, raw and bridge in turn
"""
