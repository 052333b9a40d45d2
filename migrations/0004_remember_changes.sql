-- What happens to messages after they were sent: edits, deletions, reactions; what was taken in
-- already; how far conversations were read; what senders were told; what was dropped.

-- `position` orders a stream among what is open: the time on the side it comes from, in ms. `what` tells apart several events about one message. `told`:
-- what the sender was told last of a message that has not arrived.
ALTER TABLE deliveries
    ADD COLUMN author text NOT NULL DEFAULT '',
    ADD COLUMN position bigint NOT NULL DEFAULT 0,
    ADD COLUMN what text NOT NULL DEFAULT '',
    ADD COLUMN told text CHECK (told IN ('waiting', 'parked'));
ALTER TABLE deliveries DROP CONSTRAINT deliveries_portal_id_target_source_part_key;
ALTER TABLE deliveries ADD UNIQUE (portal_id, target, source, part, what);
DROP INDEX deliveries_open;
CREATE INDEX deliveries_open ON deliveries (portal_id, target, position, id)
    WHERE state <> 'parked';
CREATE INDEX deliveries_untold ON deliveries (id)
    WHERE target = 'teams' AND error IS NOT NULL
        AND (told IS NULL OR (told = 'waiting' AND state = 'parked'));

-- `found`: nobody pushed it, we came upon it when we looked.
ALTER TABLE inbox
    ADD COLUMN found boolean NOT NULL DEFAULT false,
    ADD COLUMN told boolean NOT NULL DEFAULT false;

-- Until when all that changed in a conversation of Teams has certainly been seen.
ALTER TABLE portals ADD COLUMN read_until timestamptz;
UPDATE portals SET read_until = created_at;
ALTER TABLE portals ALTER COLUMN read_until SET NOT NULL;
CREATE INDEX portals_read_until ON portals (read_until, id);

-- As what `side` showed a message last; only for messages to which something has happened.
CREATE TABLE message_states (
    portal_id bigint NOT NULL,
    side text NOT NULL CHECK (side IN ('teams', 'matrix')),
    ref text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('teams', 'matrix')),
    version text NOT NULL,
    author text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (portal_id, side, ref)
);

-- What we did to a message of Teams, until its echo was seen; `id` is that of the delivery.
CREATE TABLE own_changes (
    id bigint PRIMARY KEY,
    portal_id bigint NOT NULL,
    ref text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('edit', 'delete', 'react', 'unreact')),
    at timestamptz NOT NULL,
    person text NOT NULL,
    key text NOT NULL,
    words text NOT NULL
);
CREATE INDEX own_changes_message ON own_changes (portal_id, ref, id);

-- A reaction in Teams (a message, a person, an emoji) and the Matrix event that is the same.
CREATE TABLE reactions (
    portal_id bigint NOT NULL,
    message_id text NOT NULL,
    person text NOT NULL,
    key text NOT NULL,
    event_id text NOT NULL,
    PRIMARY KEY (portal_id, message_id, person, key)
);
CREATE INDEX reactions_event ON reactions (portal_id, event_id);

-- Matrix events that were taken in: whatever brings them again, they are not read twice. Kept for
-- longer than any look back.
CREATE TABLE read_events (
    key text PRIMARY KEY,
    read_at timestamptz NOT NULL
);
CREATE INDEX read_events_age ON read_events (read_at);

-- What operators took out of the queues, counted.
CREATE TABLE drops (
    side text NOT NULL,
    what text NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (side, what, reason)
);

-- In what follows, OFFSET 0 and CASE keep the planner from answering a question that is asked for some
-- rows by reading a whole index once, into a hash table or a list: a plan that was made while a table
-- was empty must not do so when it is full.

DROP FUNCTION append_and_claim_entries(
    text, text[], text[], bigint[], bytea[], timestamptz[], timestamptz[], timestamptz,
    timestamptz, uuid, integer
);
DROP FUNCTION claim_entries(text, timestamptz, timestamptz, uuid, integer);
DROP FUNCTION lease_entries(text, timestamptz, timestamptz, uuid, integer);
DROP FUNCTION append_and_claim(
    bigint[], text[], text[], integer[], text[], text[], bytea[], timestamptz, bigint[], boolean,
    text, timestamptz, uuid, integer, integer
);
DROP FUNCTION append_deliveries(
    bigint[], text[], text[], integer[], text[], text[], bytea[], timestamptz, bigint[], boolean
);
DROP FUNCTION claim_runs(text, timestamptz, timestamptz, uuid, integer, integer);

-- Lease due entries of conversations that nobody reads. Guarantees: two callers never get entries
-- of one conversation (the advisory lock makes claims of a side follow each other, and the claiming
-- statement begins after it is held); with a due entry come all of its conversation that lie
-- before it, due or not, so that nothing overtakes what is held.
CREATE FUNCTION lease_entries(
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

-- Lease due entries. The commit is not waited for: a lease that a crash of Postgres forgets is a
-- second reading, and reading is harmless.
CREATE FUNCTION claim_entries(
    p_side text, p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_limit integer
) RETURNS TABLE (
    id bigint, conversation text, raw bytea, received_at timestamptz, attempts integer,
    found boolean
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    SELECT * FROM lease_entries(p_side, p_now, p_lease_until, p_owner, p_limit);
END $$;

-- Store entries in the order given, idempotent by (side, key), also for what was read already in
-- Matrix. An insert that meets an entry that is being settled waits for that, finds the entry gone
-- and takes its place, with a snapshot in which the key was not read yet: so the statement after it
-- looks once more. The commit is waited for: what we acknowledge is on disk.
CREATE FUNCTION append_entries(
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

-- The same, and lease what is due then for a reader that waits for it. Returns a row with `new_key`
-- for every entry that was new, and one with an `id` for every entry that is leased.
CREATE FUNCTION append_and_claim_entries(
    p_side text, p_keys text[], p_conversations text[], p_positions bigint[], p_raws bytea[],
    p_received_at timestamptz[], p_due_at timestamptz[], p_found boolean[],
    p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_limit integer
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
    FROM lease_entries(p_side, p_now, p_lease_until, p_owner, p_limit) l;
END $$;

-- Remove entries that were read; those of Matrix leave their key.
CREATE FUNCTION settle_entries(p_ids bigint[], p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (DELETE FROM inbox e WHERE e.id = ANY (p_ids) RETURNING e.side, e.key)
    INSERT INTO read_events (key, read_at)
    SELECT g.key, p_now FROM gone g WHERE g.side = 'matrix'
    ON CONFLICT DO NOTHING;
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
CREATE FUNCTION append_deliveries(
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

-- Lease streams whose head is due, longest waiting first, and mark the deliveries of their heads as
-- `sending`. Guarantees: one worker a stream (the row lock); only what is next in the stream, up to
-- the first delivery that must wait; of two that wait the one with the smaller position goes first,
-- whichever was appended first; a delivery that is found in `sending` was attempted by someone
-- who did not come back, and stays `uncertain` until its fate is known. A stream whose row is
-- locked is being appended to or released: whoever holds it rings when he is done.
--
-- Toward Teams the intent must survive a crash of Postgres before anything is sent. Toward Matrix
-- the commit is not waited for: a send is named by what is sent and may be repeated.
CREATE FUNCTION claim_runs(
    p_side text, p_now timestamptz, p_lease_until timestamptz, p_owner uuid, p_runs integer,
    p_length integer
) RETURNS TABLE (
    portal_id bigint, tenant_id text, conversation_id text, room_id text, id bigint, source text,
    speaker text, event bytea, attempts integer, resumed boolean, created_at timestamptz,
    told boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    leased bigint[];
BEGIN
    IF p_side = 'matrix' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;

    WITH due AS MATERIALIZED (
        SELECT s.portal_id, s.due_at
        FROM streams s
        WHERE s.side = p_side AND s.due_at <= p_now
        ORDER BY s.due_at, s.portal_id
        LIMIT p_runs
        FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE streams s
        SET owner = p_owner, due_at = p_lease_until
        FROM due
        WHERE s.portal_id = due.portal_id AND s.side = p_side
        RETURNING s.portal_id, due.due_at AS waiting_since
    )
    SELECT array_agg(t.portal_id ORDER BY t.waiting_since, t.portal_id) INTO leased FROM taken t;
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
    SELECT p.id, p.tenant_id, p.conversation_id, p.room_id, s.id, s.source, s.speaker, s.event,
        s.attempts, s.uncertain, s.created_at, s.told IS NOT NULL
    FROM sending s
    JOIN portals p ON p.id = s.portal_id
    ORDER BY s.place, s.position, s.id;

    -- Nothing was open, or its head must wait after all: nobody needs the lease.
    UPDATE streams s
    SET owner = NULL, due_at = head.due_at
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
    p_length integer
) RETURNS TABLE (
    portal_id bigint, tenant_id text, conversation_id text, room_id text, id bigint, source text,
    speaker text, event bytea, attempts integer, resumed boolean, created_at timestamptz,
    told boolean
) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT append_deliveries(p_portals, p_targets, p_sources, p_parts, p_whats, p_speakers,
        p_authors, p_positions, p_doubtful, p_versions, p_events, p_now, p_settled, p_presumed)
    THEN
        RETURN QUERY SELECT NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::bigint,
            NULL::text, NULL::text, NULL::bytea, NULL::integer, NULL::boolean, NULL::timestamptz,
            NULL::boolean;
        RETURN;
    END IF;
    IF p_side = 'teams' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN QUERY
    SELECT * FROM claim_runs(p_side, p_now, p_lease_until, p_owner, p_runs, p_length);
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
        SET owner = NULL, due_at = (
            SELECT GREATEST(d.due_at, p_now)
            FROM deliveries d
            WHERE d.portal_id = s.portal_id AND d.target = s.side AND d.state <> 'parked'
            ORDER BY d.position, d.id
            LIMIT 1
        )
        FROM unnest(portals, sides) AS r (portal_id, side)
        WHERE s.portal_id = r.portal_id AND s.side = r.side
        RETURNING s.side, s.due_at
    )
    SELECT DISTINCT x.side FROM released x WHERE x.due_at <= p_now;
END $$;
