"""Who may move a delivery, and whose turn it is: conditions in SQL, on `deliveries d`.

$1, $2, $3: its id, which attempt it is, and the process that asks.
"""

from __future__ import annotations

# Only who has the stream, and claimed the delivery last, may move it: one that comes back late changes
# nothing. Every claim counts an attempt, so that their number tells two claims of one process apart:
# it may have lost a lease to itself. "IS NOT DISTINCT FROM" keeps the planner at the primary key: by
# "=" it would take the small index of all that is being sent, and read the whole of it.
IN_HAND = """
d.id = $1 AND d.attempts = $2 AND d.state IS NOT DISTINCT FROM 'sending' AND $3 = (
    SELECT s.owner FROM streams s WHERE s.portal_id = d.portal_id AND s.side = d.target
)
"""
# What the author of `d` did there before, `w`, and waits for their sign-in. What somebody else wrote, and
# the same account was to say, is not theirs; what waits behind a message of somebody else's is in
# nobody's way.
OWN_BEFORE = """
w.awaits_sign_in AND w.behind IS NULL AND w.speaker = d.speaker AND w.author = d.author
AND w.portal_id = d.portal_id AND w.target = d.target AND (w.position, w.id) < (d.position, d.id)
"""
# Who has lost the stream, or whose delivery has become a link, must not send any more; and what has
# waited for a sign-in, and goes on since this one was claimed, goes before it: the head of the stream,
# by the index of its order.
# `held_back`: what its author did there before waits for a sign-in; nobody overtakes themselves.
# Of several at once: $1 and $2 are their ids and attempts.
TURNS = f"""
SELECT d.id, d.attempts, EXISTS (SELECT FROM deliveries w WHERE {OWN_BEFORE}) AS held_back
FROM unnest($1::bigint[], $2::int[]) AS asked (id, attempts)
JOIN deliveries d ON d.id = asked.id AND d.attempts = asked.attempts
WHERE d.state IS NOT DISTINCT FROM 'sending' AND $3 = (
    SELECT s.owner FROM streams s WHERE s.portal_id = d.portal_id AND s.side = d.target
) AND coalesce((
    SELECT (e.position, e.id) > (d.position, d.id) FROM deliveries e
    WHERE e.portal_id = d.portal_id AND e.target = d.target AND e.state <> 'parked'
        AND e.state IS NOT DISTINCT FROM 'queued'
    ORDER BY e.position, e.id
    LIMIT 1
), true)
"""  # noqa: S608 - made of a constant
