"""`make bench`: how fast the bridge is, as ratios within one run; no test, and never a gate on time.

    make bench                      all of it, some twenty minutes
    make bench ARGS="B5 B10"        some of it
    → one line of JSON each, as soon as it is measured; progress on the standard error

What is divided by what, and what would be very good. *Raw* is a bare sender to the same rooms, with
the same bodies; *ordered* has one send in flight per room, as whoever keeps order must.

On one real Synapse, Postgres durable, simulated tenant:

B1   400 encrypted notifications, 50 portals / raw ordered                      ≥ 0.97
B2   the same, one portal / raw ordered                                         ≥ 0.98, in order
B3   latency added to a raw send, p50 and p99                                   +2 ms, +5 ms
B4   CPU of the bridge during B1 (to Matrix), during B5 (to Teams)              ≤ 0.6, 0.35 ms
B5   10 people, 50 rooms, 300 messages to Teams / bare application service,     ≥ 0.99, none lost,
     latency added to that one                                                  in order, +3 ms
B7a  webhook answers at 200 POSTs a second, p99, with and without Synapse       a few ms
B8a  2,000 messages in Matrix while the bridge is away:                         ≥ 0.9,
     entries stored per second / bare application service; first event          < 1 s
B8b  an hour of Teams whose notifications are lost / raw ordered;               ≥ 0.95, 0 lost,
     new messages meanwhile                                                     0 twice, < 2 s
B14  10 people, one floods, Microsoft's limits on: goodput / budget,            ≥ 0.98,
     Jain's fairness, share of 429 among POSTs                                  ≥ 0.95, < 0.5 %

On a stub homeserver that answers in about 10 us, each on a fresh Postgres:

B6   to Matrix, durable: messages / CPU second of the bridge,                   ≥ 2,000,
     / bare aiohttp PUTs, decryption apart                                      ≥ 0.5
B7   notifications durable before 202, 32 in flight / aiohttp without database, ≥ 0.55,
     p99 at 1,000 a second, ten times as much                                   < 10 ms, 0 slow
B10  RSS with 1,000 / 10,000 / 100,000 portals known, 1 % in use                ≤ 60 MB + 100 B each
B11  start of the process to the first message relayed, likewise                < 1 s, flat
B15  one portal at 10 x its ceiling for 10 s: seconds to steady state /         ≤ 1.1,
     (backlog / ceiling), growth of RSS, p99 of quiet portals / idle            ≤ 50 MB, ≤ 1.2
B16  2 (and 4) processes: rate / (n x one), CPU per message / one;              ≥ 0.9, 1.0,
     one killed: seconds until its streams are delivered, beyond what the
     backlog takes; lost, twice                                                 < 5 s, 0, 0

On a real Synapse of its own that takes 2 GB:

B17  a file of 1 GB: growth of the bridge's RSS; it is whole;                   < 50 MB
     100 pictures in one chat: p50 of text in others / beside bare uploads      ≤ 1.2

B19  a file of 250 MB from Matrix to Teams: growth of the bridge's RSS          < 50 MB
     text of the same person in another chat meanwhile

By itself:

B18  CPU of converting a message: text, 28 kB and 100 kB of markup, hostile     < 0.2, 10, 50 ms
     markup; / nh3 alone

On two cores B16's rate tells nothing, for Postgres and the stub need them too: its CPU does. What
others use of the machine is told with every result; above a quarter, measure again. The bridge's own
limits for Graph (`teams.limits_percent`) are lifted, but for B10, B11 and B14.

rig         scene (real Synapse, real Postgres, the bridge as a process) with 50 portals
collector   a bare application service: sees every event of the homeserver, with its time
raw         the ceiling: bare aiohttp, pre-encoded URLs, same rooms, same ghosts, same bodies
mailer      notifications, encrypted before the clock starts, posted as Graph posts them
writers     people who are signed in and write in Matrix; what Teams shows of it
ground      Postgres, tenant, stub homeserver, and bridges that know many portals
stub bare volley   programs beside: the stub, bare aiohttp, a hail of POSTs
processes   what /proc says of processes; starting those programs
figures     the arithmetic: pure, tested in tests/unit/test_bench.py
measures    B1 to B4, B7a      outward  B5, B14     maximum  B6, B16     intake    B7
outage      B8a, B8b           size     B10, B11    overload B15     files     B17
converting  B18             sending  B19
tenant      how fast the simulated tenant is, by itself
"""
