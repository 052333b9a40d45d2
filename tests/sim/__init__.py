"""A simulation of the relay: the real `relay`, `domain`, `convert` on honest fakes, in virtual time.

    turns     who runs next: one awaited moment after the other, drawn by the seed
    weather   what goes wrong, and how often
    process   one bridge process: loops, leases, catch-up; may be killed, frozen, its clock set
    cast      who is who: in Teams, in Matrix, in both; heard as whom; what crosses which way
    people    what is said and done on both sides
    world     everything together: from the first word to the calm
    looks     what people see on both sides, made comparable
    undecided what no look can tell any more, and is left to a person
    judge     asks in the end what is not as it should be, and excuses what must be
    verdict   are both sides equal, is everything there once and in order; who speaks

A run is a function of its seed. `make sim SEEDS=20000` runs many; one that failed is repeated with
`make sim ARGS="--seed 4711 --trace"`, and its number goes into `seeds.txt`.
"""
