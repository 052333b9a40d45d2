-- Taking entries in and leasing them: what was read in Matrix is not taken in again either where it
-- comes a second time just while the first is being settled; and the order of a conversation is
-- told without comparing whole rows in an aggregate, which Postgres can do only since version 18.

-- Lease due entries of conversations that nobody reads. Guarantees: two callers never get entries
-- of one conversation (the advisory lock makes claims of a side follow each other, and the claiming
-- statement begins after it is held); with a due entry come all of its conversation that lie
-- before it, due or not, so that nothing overtakes what is held.
CREATE OR REPLACE FUNCTION lease_entries(
    p_side text, p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_limit integer
) RETURNS TABLE (
    id bigint, conversation text, raw bytea, received_at timestamptz, attempts integer,
    found boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('claim_entries/' || p_side, 0));
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT e.conversation, e.position, e.id, e.due_at
        FROM inbox e
        WHERE e.side = p_side AND e.state = 'open' AND e.due_at <= p_now
            AND NOT EXISTS (
                SELECT FROM inbox b
                WHERE b.side = p_side AND b.conversation = e.conversation
                    AND b.owner IS NOT NULL AND b.lease_until > p_now
            )
        ORDER BY e.due_at, e.id
        LIMIT p_limit
    ), conversations AS (
        SELECT DISTINCT ON (due.conversation)
            due.conversation, due.position AS last_position, due.id AS last_id,
            min(due.due_at) OVER (PARTITION BY due.conversation) AS first_due
        FROM due
        ORDER BY due.conversation, due.position DESC, due.id DESC
    ), chosen AS (
        SELECT e.id, c.first_due
        FROM conversations c
        CROSS JOIN LATERAL (
            SELECT o.id, o.position
            FROM inbox o
            WHERE o.side = p_side AND o.conversation = c.conversation AND o.state = 'open'
                AND (o.position, o.id) <= (c.last_position, c.last_id)
            ORDER BY o.position, o.id
            LIMIT p_limit
        ) e
        ORDER BY c.first_due, c.conversation, e.position, e.id
        LIMIT p_limit
    ), leased AS (
        UPDATE inbox e
        SET owner = p_owner, lease_until = p_lease_until
        FROM chosen
        WHERE e.id = chosen.id
        RETURNING
            e.id, e.conversation, e.position, e.raw, e.received_at, e.attempts, e.found,
            chosen.first_due
    )
    SELECT l.id, l.conversation, l.raw, l.received_at, l.attempts, l.found
    FROM leased l
    ORDER BY l.first_due, l.conversation, l.position, l.id;
END $$;

-- Store entries in the order given, idempotent by (side, key), also for what was read already in
-- Matrix. An insert that meets an entry that is being settled waits for that, finds the entry gone
-- and takes its place, with a snapshot in which the key was not read yet: so the statement after it
-- looks once more. The commit is waited for: what we acknowledge is on disk.
CREATE OR REPLACE FUNCTION append_entries(
    p_side text, p_keys text[], p_conversations text[], p_positions bigint[], p_raws bytea[],
    p_received_at timestamptz[], p_due_at timestamptz[], p_found boolean[]
) RETURNS TABLE (new_key text) LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
    keys text[];
BEGIN
    WITH new AS (
        INSERT INTO inbox AS e
            (side, key, conversation, position, raw, received_at, due_at, found)
        SELECT p_side, n.key, n.conversation, n.position, n.raw, n.received_at, n.due_at, n.found
        FROM unnest(p_keys, p_conversations, p_positions, p_raws, p_received_at, p_due_at, p_found)
            WITH ORDINALITY
            AS n (key, conversation, position, raw, received_at, due_at, found, place)
        WHERE p_side <> 'matrix' OR NOT EXISTS (SELECT FROM read_events r WHERE r.key = n.key)
        ORDER BY n.place
        ON CONFLICT (side, key) DO NOTHING
        RETURNING e.id, e.key
    )
    SELECT array_agg(new.id), array_agg(new.key) INTO ids, keys FROM new;

    IF p_side = 'matrix' THEN
        WITH again AS (
            DELETE FROM inbox e USING read_events r
            WHERE e.id = ANY (ids) AND r.key = e.key
            RETURNING e.key
        )
        SELECT array_agg(n.key) INTO keys
        FROM unnest(keys) AS n (key)
        WHERE NOT EXISTS (SELECT FROM again a WHERE a.key = n.key);
    END IF;

    RETURN QUERY SELECT unnest(keys);
END $$;
