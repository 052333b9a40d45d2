-- What a plan that was made while a table was empty must not do when it is full: answer a question that
-- is asked for some rows by reading a whole index once, into a hash table or a list. OFFSET 0 and
-- CASE keep the planner from that: each question stays a probe. The functions are otherwise as they
-- were.

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
                OFFSET 0
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
        WHERE p_side <> 'matrix'
            OR NOT EXISTS (SELECT FROM read_events r WHERE r.key = n.key OFFSET 0)
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

-- Append to streams. Guarantees: ids follow the order of the locks, so that they are the order of
-- the stream where positions are equal (without the lock, two transactions can commit 2 before 1);
-- the locks are taken in one order by everybody, so that nobody waits in a circle; a stream with
-- nothing open becomes due, any other is due already, for its head or for the end of its lease. A
-- message that is linked in the meantime (it was delivered, or is our own echo) is not appended,
-- nor a reaction that has crossed: the statement after the insert sees every commit that the insert
-- had to wait for. The entries that were read leave in the same commit.
--
-- `p_presumed`: whoever calls has not looked, and takes the messages for new. If one of them is
-- known, or its speaker has something in the air toward Teams that it may be the echo of, nothing
-- is written and the answer is false.
--
-- The commit is not waited for: a crash of Postgres that forgets it forgets both, and the entries
-- are read again. Whatever was sent to Matrix meanwhile is named by what it is and may be repeated;
-- toward Teams nothing is sent before its claim is durable, and with it all that was before.
CREATE OR REPLACE FUNCTION append_deliveries(
    p_portals bigint[], p_targets text[], p_sources text[], p_parts integer[], p_whats text[],
    p_speakers text[], p_authors text[], p_positions bigint[], p_doubtful boolean[],
    p_versions text[], p_events bytea[], p_now timestamptz, p_settled bigint[],
    p_presumed boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    appended bigint[];
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);

    IF p_presumed AND EXISTS (
        SELECT
        FROM unnest(p_portals, p_targets, p_sources, p_speakers)
            AS n (portal_id, target, source, speaker)
        WHERE EXISTS (
                SELECT FROM deliveries d
                WHERE d.portal_id = n.portal_id AND d.target = n.target AND d.source = n.source
                OFFSET 0
            )
            OR (n.target = 'matrix' AND EXISTS (
                SELECT FROM links l WHERE l.portal_id = n.portal_id AND l.message_id = n.source
                OFFSET 0
            ))
            OR (n.target = 'teams' AND EXISTS (
                SELECT FROM links l WHERE l.portal_id = n.portal_id AND l.event_id = n.source
                OFFSET 0
            ))
            OR (n.target = 'matrix' AND EXISTS (
                SELECT FROM deliveries a
                WHERE a.portal_id = n.portal_id AND a.target = 'teams' AND a.speaker = n.speaker
                    AND (a.state = 'sending' OR (a.state = 'queued' AND a.uncertain))
                OFFSET 0
            ))
            OR EXISTS (
                SELECT FROM message_states m
                WHERE m.portal_id = n.portal_id AND m.ref = n.source
                    AND m.side = CASE n.target WHEN 'matrix' THEN 'teams' ELSE 'matrix' END
                OFFSET 0
            )
    ) THEN
        RETURN false;
    END IF;

    INSERT INTO streams AS s (portal_id, side, due_at)
    SELECT DISTINCT n.portal_id, n.target, p_now
    FROM unnest(p_portals, p_targets) AS n (portal_id, target)
    ORDER BY n.portal_id, n.target
    ON CONFLICT (portal_id, side) DO UPDATE SET due_at = EXCLUDED.due_at
        WHERE s.due_at IS NULL;  -- The row is locked in any case.

    WITH new AS (
        INSERT INTO deliveries
            (portal_id, target, source, part, what, speaker, author, position, uncertain, version,
            event, due_at, created_at)
        SELECT n.portal_id, n.target, n.source, n.part, n.what, n.speaker, n.author, n.position,
            n.doubtful, n.version, n.event, p_now, p_now
        FROM unnest(p_portals, p_targets, p_sources, p_parts, p_whats, p_speakers, p_authors,
            p_positions, p_doubtful, p_versions, p_events)
            WITH ORDINALITY
            AS n (portal_id, target, source, part, what, speaker, author, position, doubtful,
            version, event, place)
        ORDER BY n.place
        ON CONFLICT (portal_id, target, source, part, what) DO NOTHING
        RETURNING id
    )
    SELECT array_agg(new.id) INTO appended FROM new;

    DELETE FROM deliveries d
    WHERE d.id = ANY (appended) AND CASE
        WHEN d.target = 'matrix' THEN d.what = '' AND EXISTS (
            SELECT FROM links l WHERE l.portal_id = d.portal_id AND l.message_id = d.source
            OFFSET 0
        )
        WHEN d.what LIKE '+%' THEN EXISTS (
            SELECT FROM reactions r WHERE r.portal_id = d.portal_id AND r.event_id = d.source
            OFFSET 0
        )
        ELSE d.what = '' AND EXISTS (
            SELECT FROM links l WHERE l.portal_id = d.portal_id AND l.event_id = d.source
            OFFSET 0
        )
    END;

    IF p_targets[1] = 'matrix' THEN
        DELETE FROM inbox e WHERE e.id = ANY (p_settled);
    ELSE
        PERFORM settle_entries(p_settled, p_now);
    END IF;
    RETURN true;
END $$;
