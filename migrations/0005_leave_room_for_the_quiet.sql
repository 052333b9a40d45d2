-- Room for quiet conversations (docs/adr/0011), and the events that messages were before they were
-- taken back and there again.

-- `behind`: more waited in the stream than its next one, when it was appended to or released.
ALTER TABLE streams ADD COLUMN behind boolean NOT NULL DEFAULT false;
DROP INDEX streams_due;
CREATE INDEX streams_due ON streams (side, behind, due_at, portal_id) WHERE due_at IS NOT NULL;

-- What was encrypted cannot be compressed: trying costs a fifth of storing it.
ALTER TABLE inbox ALTER COLUMN raw SET STORAGE EXTERNAL;

-- The Matrix event that a message of Teams was before it was taken back, and there again as another:
-- what was said of the old one still finds the message.
CREATE TABLE former_links (
    portal_id bigint NOT NULL,
    event_id text NOT NULL,
    part integer NOT NULL CHECK (part >= 0),
    message_id text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('teams', 'matrix')),
    author text NOT NULL,
    PRIMARY KEY (portal_id, event_id, part)
);

DROP FUNCTION append_and_claim_entries(
    text, text[], text[], bigint[], bytea[], timestamptz[], timestamptz[], boolean[], timestamptz,
    timestamptz, uuid, integer
);
DROP FUNCTION claim_entries(text, timestamptz, timestamptz, uuid, integer);
DROP FUNCTION lease_entries(text, timestamptz, timestamptz, uuid, integer);
DROP FUNCTION append_and_claim(
    bigint[], text[], text[], integer[], text[], text[], text[], bigint[], boolean[], text[],
    bytea[], timestamptz, bigint[], boolean, text, timestamptz, uuid, integer, integer
);
DROP FUNCTION claim_runs(text, timestamptz, timestamptz, uuid, integer, integer);

-- Lease due entries of conversations that nobody reads. Guarantees: two callers never get entries
-- of one conversation (the advisory lock makes claims of a side follow each other, and the claiming
-- statement begins after it is held); with a due entry come all of its conversation that lie
-- before it, due or not, so that nothing overtakes what is held; of one conversation come the first
-- `p_each` that are due, so that others do not wait for a hot one. What is held comes on top of
-- `p_limit`, for it must not keep what is due from being found.
CREATE FUNCTION lease_entries(
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
    WITH due AS MATERIALIZED (
        SELECT e.conversation, e.due_at
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
        SELECT due.conversation, min(due.due_at) AS first_due
        FROM due
        GROUP BY due.conversation
    ), readable AS (
        SELECT e.id, c.first_due, count(*) FILTER (WHERE e.due_at <= p_now) OVER (
            ORDER BY c.first_due, c.conversation, e.position, e.id
        ) AS due_so_far
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
        SELECT r.id, r.first_due FROM readable r WHERE r.due_so_far <= p_limit
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

-- Lease due entries. The commit is not waited for: a lease that a crash of Postgres forgets is a
-- second reading, and reading is harmless.
CREATE FUNCTION claim_entries(
    p_side text, p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_limit integer,
    p_each integer
) RETURNS TABLE (
    id bigint, conversation text, raw bytea, received_at timestamptz, attempts integer,
    found boolean
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    SELECT * FROM lease_entries(p_side, p_now, p_lease_until, p_owner, p_limit, p_each);
END $$;

-- The same, and lease what is due then for a reader that waits for it. Returns a row with `new_key`
-- for every entry that was new, and one with an `id` for every entry that is leased.
CREATE FUNCTION append_and_claim_entries(
    p_side text, p_keys text[], p_conversations text[], p_positions bigint[], p_raws bytea[],
    p_received_at timestamptz[], p_due_at timestamptz[], p_found boolean[],
    p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_limit integer, p_each integer
) RETURNS TABLE (
    new_key text, id bigint, conversation text, raw bytea, received_at timestamptz,
    attempts integer, found boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.new_key, NULL::bigint, NULL::text, NULL::bytea, NULL::timestamptz, NULL::integer,
        NULL::boolean
    FROM append_entries(p_side, p_keys, p_conversations, p_positions, p_raws, p_received_at,
        p_due_at, p_found) a;

    RETURN QUERY
    SELECT NULL::text, l.id, l.conversation, l.raw, l.received_at, l.attempts, l.found
    FROM lease_entries(p_side, p_now, p_lease_until, p_owner, p_limit, p_each) l;
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

    INSERT INTO streams AS s (portal_id, side, due_at, behind)
    SELECT n.portal_id, n.target, p_now, count(*) > 1
    FROM unnest(p_portals, p_targets) AS n (portal_id, target)
    GROUP BY n.portal_id, n.target
    ORDER BY n.portal_id, n.target
    ON CONFLICT (portal_id, side) DO UPDATE
        SET due_at = coalesce(s.due_at, EXCLUDED.due_at),
            behind = EXCLUDED.behind OR s.due_at IS NOT NULL
        WHERE s.due_at IS NULL OR NOT s.behind;  -- The row is locked in any case.

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

-- Lease streams whose head is due and mark the deliveries of their heads as `sending`. Of two that
-- are due, one that had nothing waiting when it was appended to comes before one that is behind, and
-- of either kind the longest waiting; `p_fresh` and `p_behind` say how many of each are wanted, and
-- `p_runs` how many of both. Guarantees: one worker a stream (the row lock); only what is next in the
-- stream, up to the first delivery that must wait; of two that wait the one with the smaller position goes first,
-- whichever was appended first; a delivery that is found in `sending` was attempted by someone
-- who did not come back, and stays `uncertain` until its fate is known. A stream whose row is
-- locked is being appended to or released: whoever holds it rings when he is done.
--
-- Toward Teams the intent must survive a crash of Postgres before anything is sent. Toward Matrix
-- the commit is not waited for: a send is named by what is sent and may be repeated.
CREATE FUNCTION claim_runs(
    p_side text, p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_runs integer,
    p_fresh integer, p_behind integer, p_length integer
) RETURNS TABLE (
    portal_id bigint, tenant_id text, conversation_id text, room_id text, behind boolean, id bigint,
    source text, speaker text, event bytea, attempts integer, resumed boolean,
    created_at timestamptz, told boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    leased bigint[];
    behinds boolean[];
BEGIN
    IF p_side = 'matrix' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;

    WITH fresh AS MATERIALIZED (
        SELECT s.portal_id, s.due_at
        FROM streams s
        WHERE s.side = p_side AND NOT s.behind AND s.due_at <= p_now
        ORDER BY s.due_at, s.portal_id
        LIMIT LEAST(p_runs, p_fresh)
        FOR NO KEY UPDATE SKIP LOCKED
    ), backlogged AS MATERIALIZED (
        SELECT s.portal_id, s.due_at
        FROM streams s
        WHERE s.side = p_side AND s.behind AND s.due_at <= p_now
        ORDER BY s.due_at, s.portal_id
        LIMIT LEAST(p_runs - (SELECT count(*) FROM fresh), p_behind)
        FOR NO KEY UPDATE SKIP LOCKED
    ), due AS (
        SELECT fresh.portal_id, fresh.due_at FROM fresh
        UNION ALL
        SELECT backlogged.portal_id, backlogged.due_at FROM backlogged
    ), taken AS (
        UPDATE streams s
        SET owner = p_owner, due_at = p_lease_until
        FROM due
        WHERE s.portal_id = due.portal_id AND s.side = p_side
        RETURNING s.portal_id, s.behind, due.due_at AS waiting_since
    )
    SELECT array_agg(t.portal_id ORDER BY t.behind, t.waiting_since, t.portal_id),
        array_agg(t.behind ORDER BY t.behind, t.waiting_since, t.portal_id)
    INTO leased, behinds
    FROM taken t;
    IF leased IS NULL THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH head AS (
        SELECT o.place, d.id, bool_and(d.due_at <= p_now) OVER (
            PARTITION BY o.place ORDER BY d.position, d.id
        ) AS ready
        FROM unnest(leased) WITH ORDINALITY AS o (portal_id, place)
        CROSS JOIN LATERAL (
            SELECT open.id, open.position, open.due_at
            FROM deliveries open
            WHERE open.portal_id = o.portal_id AND open.target = p_side AND open.state <> 'parked'
            ORDER BY open.position, open.id
            LIMIT p_length
        ) d
    ), sending AS (
        UPDATE deliveries d
        SET state = 'sending', attempts = d.attempts + 1,
            uncertain = d.uncertain OR d.state = 'sending'
        FROM head
        WHERE d.id = head.id AND head.ready
        RETURNING head.place, d.portal_id, d.id, d.position, d.source, d.speaker, d.event,
            d.attempts, d.uncertain, d.created_at, d.told
    )
    SELECT p.id, p.tenant_id, p.conversation_id, p.room_id, behinds[s.place], s.id, s.source,
        s.speaker, s.event, s.attempts, s.uncertain, s.created_at, s.told IS NOT NULL
    FROM sending s
    JOIN portals p ON p.id = s.portal_id
    ORDER BY s.place, s.position, s.id;

    -- Nothing was open, or its head must wait after all: nobody needs the lease.
    UPDATE streams s
    SET owner = NULL, due_at = head.due_at, behind = head.due_at IS NOT NULL
    FROM (
        SELECT o.portal_id, (
            SELECT d.due_at
            FROM deliveries d
            WHERE d.portal_id = o.portal_id AND d.target = p_side AND d.state <> 'parked'
            ORDER BY d.position, d.id
            LIMIT 1
        ) AS due_at
        FROM unnest(leased) AS o (portal_id)
    ) head
    WHERE s.side = p_side AND s.portal_id = head.portal_id
        AND (head.due_at IS NULL OR head.due_at > p_now);
END $$;

-- Append to streams, then lease what is due toward one side for a worker that waits for it: one round
-- trip instead of two. Toward Teams the commit is waited for, as it is for every claim. One row
-- without a portal: nothing was written, what was presumed is not so.
CREATE FUNCTION append_and_claim(
    p_portals bigint[], p_targets text[], p_sources text[], p_parts integer[], p_whats text[],
    p_speakers text[], p_authors text[], p_positions bigint[], p_doubtful boolean[],
    p_versions text[], p_events bytea[], p_now timestamptz, p_settled bigint[],
    p_presumed boolean, p_side text, p_lease_until timestamptz, p_owner uuid, p_runs integer,
    p_fresh integer, p_behind integer, p_length integer
) RETURNS TABLE (
    portal_id bigint, tenant_id text, conversation_id text, room_id text, behind boolean, id bigint,
    source text, speaker text, event bytea, attempts integer, resumed boolean,
    created_at timestamptz, told boolean
) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT append_deliveries(p_portals, p_targets, p_sources, p_parts, p_whats, p_speakers,
        p_authors, p_positions, p_doubtful, p_versions, p_events, p_now, p_settled, p_presumed)
    THEN
        RETURN QUERY SELECT NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::boolean,
            NULL::bigint, NULL::text, NULL::text, NULL::bytea, NULL::integer, NULL::boolean,
            NULL::timestamptz, NULL::boolean;
        RETURN;
    END IF;
    IF p_side = 'teams' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN QUERY
    SELECT * FROM claim_runs(p_side, p_now, p_lease_until, p_owner, p_runs, p_fresh, p_behind,
        p_length);
END $$;

-- End leases. Guarantees: what was claimed (`p_claimed`) and not attempted is queued as it was,
-- except `p_doubtful`, which was attempted and whose result could not be written; what somebody
-- before us has left in `sending` is not touched; the stream is due again
-- exactly when something is open, for the head's own time at the earliest, and behind everybody who
-- waits already. The locks come first: an append that was under way is seen by what follows.
-- Returns the sides that have something due now.
CREATE OR REPLACE FUNCTION release_runs(
    p_portals bigint[], p_sides text[], p_owner uuid, p_claimed bigint[], p_doubtful bigint[],
    p_now timestamptz
) RETURNS TABLE (side text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    portals bigint[];
    sides text[];
BEGIN
    WITH ours AS (
        SELECT s.portal_id, s.side
        FROM streams s
        JOIN unnest(p_portals, p_sides) AS r (portal_id, side)
            ON s.portal_id = r.portal_id AND s.side = r.side
        WHERE s.owner = p_owner
        ORDER BY s.portal_id, s.side
        FOR NO KEY UPDATE OF s
    )
    SELECT array_agg(o.portal_id), array_agg(o.side) INTO portals, sides FROM ours o;
    IF portals IS NULL THEN
        RETURN;
    END IF;

    UPDATE deliveries d
    SET state = 'queued',
        attempts = d.attempts - CASE WHEN d.id = ANY (p_doubtful) THEN 0 ELSE 1 END,
        uncertain = d.uncertain OR d.id = ANY (p_doubtful)
    FROM unnest(portals, sides) AS r (portal_id, side)
    -- By "=" the planner would read the whole index of what is being sent, for every release.
    WHERE d.id = ANY (p_claimed) AND d.portal_id = r.portal_id AND d.target = r.side
        AND d.state IS NOT DISTINCT FROM 'sending';

    RETURN QUERY
    WITH released AS (
        UPDATE streams s
        SET owner = NULL, behind = head.due_at IS NOT NULL,
            due_at = CASE WHEN head.due_at IS NOT NULL THEN GREATEST(head.due_at, p_now) END
        FROM unnest(portals, sides) AS r (portal_id, side)
        LEFT JOIN LATERAL (
            SELECT d.due_at
            FROM deliveries d
            WHERE d.portal_id = r.portal_id AND d.target = r.side AND d.state <> 'parked'
            ORDER BY d.position, d.id
            LIMIT 1
        ) head ON true
        WHERE s.portal_id = r.portal_id AND s.side = r.side
        RETURNING s.side, s.due_at
    )
    SELECT DISTINCT x.side FROM released x WHERE x.due_at <= p_now;
END $$;
