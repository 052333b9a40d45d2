-- What was pushed is read before what was found: after an outage some thousand messages are found at
-- once, and whoever writes meanwhile would wait until all of them were read.
CREATE INDEX inbox_letters_due ON inbox (side, due_at, id) WHERE state = 'open' AND NOT found;
CREATE INDEX inbox_finds_due ON inbox (side, due_at, id) WHERE state = 'open' AND found;

-- Lease due entries of conversations that nobody reads. Guarantees: two callers never get entries
-- of one conversation (the advisory lock makes claims of a side follow each other, and the claiming
-- statement begins after it is held); with a due entry come all of its conversation that lie
-- before it, due or not, so that nothing overtakes what is held; of one conversation come the first
-- `p_each` that are due, so that others do not wait for a hot one. What is held comes on top of
-- `p_limit`, for it must not keep what is due from being found.
--
-- A conversation in which something was pushed goes before one in which everything was found, but a
-- quarter of `p_limit` is for the latter, on top if need be: neither waits for the end of the other.
CREATE OR REPLACE FUNCTION lease_entries(
    p_side text, p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_limit integer,
    p_each integer
) RETURNS TABLE (
    id bigint, conversation text, raw bytea, received_at timestamptz, attempts integer,
    found boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('claim_entries/' || p_side, 0));
    RETURN QUERY
    WITH letters AS MATERIALIZED (
        SELECT e.conversation, e.due_at
        FROM inbox e
        WHERE e.side = p_side AND e.state = 'open' AND NOT e.found AND e.due_at <= p_now
            AND NOT EXISTS (
                SELECT FROM inbox b
                WHERE b.side = p_side AND b.conversation = e.conversation
                    AND b.owner IS NOT NULL AND b.lease_until > p_now
                OFFSET 0
            )
        ORDER BY e.due_at, e.id
        LIMIT p_limit
    ), finds AS MATERIALIZED (
        SELECT e.conversation, e.due_at
        FROM inbox e
        WHERE e.side = p_side AND e.state = 'open' AND e.found AND e.due_at <= p_now
            AND NOT EXISTS (
                SELECT FROM inbox b
                WHERE b.side = p_side AND b.conversation = e.conversation
                    AND b.owner IS NOT NULL AND b.lease_until > p_now
                OFFSET 0
            )
        ORDER BY e.due_at, e.id
        LIMIT p_limit
    ), conversations AS (
        SELECT due.conversation, bool_and(due.is_found) AS is_found, min(due.due_at) AS first_due
        FROM (
            SELECT l.conversation, l.due_at, false AS is_found FROM letters l
            UNION ALL
            SELECT f.conversation, f.due_at, true FROM finds f
        ) due
        GROUP BY due.conversation
    ), readable AS (
        SELECT
            e.id, c.is_found, c.first_due,
            count(*) FILTER (WHERE e.due_at <= p_now) OVER (
                ORDER BY c.is_found, c.first_due, c.conversation, e.position, e.id
            ) AS due_so_far,
            count(*) FILTER (WHERE e.due_at <= p_now) OVER (
                PARTITION BY c.is_found
                ORDER BY c.first_due, c.conversation, e.position, e.id
            ) AS due_of_its_kind
        FROM conversations c
        CROSS JOIN LATERAL (
            SELECT d.position, d.id
            FROM (
                SELECT o.position, o.id
                FROM inbox o
                WHERE o.side = p_side AND o.conversation = c.conversation AND o.state = 'open'
                    AND o.due_at <= p_now
                ORDER BY o.position, o.id
                LIMIT p_each
            ) d
            ORDER BY d.position DESC, d.id DESC
            LIMIT 1
        ) last
        CROSS JOIN LATERAL (
            SELECT o.id, o.position, o.due_at
            FROM inbox o
            WHERE o.side = p_side AND o.conversation = c.conversation AND o.state = 'open'
                AND (o.position, o.id) <= (last.position, last.id)
            ORDER BY o.position, o.id
            LIMIT 10 * p_limit
        ) e
    ), chosen AS (
        SELECT r.id, r.is_found, r.first_due
        FROM readable r
        WHERE r.due_so_far <= p_limit OR (r.is_found AND r.due_of_its_kind <= p_limit / 4)
    ), leased AS (
        UPDATE inbox e
        SET owner = p_owner, lease_until = p_lease_until
        FROM chosen
        WHERE e.id = chosen.id
        RETURNING
            e.id, e.conversation, e.position, e.raw, e.received_at, e.attempts, e.found,
            chosen.is_found, chosen.first_due
    )
    SELECT l.id, l.conversation, l.raw, l.received_at, l.attempts, l.found
    FROM leased l
    ORDER BY l.is_found, l.first_due, l.conversation, l.position, l.id;
END $$;
