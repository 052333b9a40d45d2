"""`make crash`: the real bridge between real servers, all of them killed again and again.

plan     a seed ──▶ what is killed when                                        pure
stage    its own Synapse, Postgres, tenant; one bridge process or two; people in chats
voices   who say something in every chat, on both sides, and repeat it like real clients
blows    SIGKILL, a while of nothing, a restart
witness  afterwards: what both sides hold, as they say it themselves
verdict  what was sent ◀─compared─▶ what is there: lost, twice, out of order    pure
report   a table, a line of JSON, and each message that is not as it should be  pure
run      all of it, phase by phase
"""
