-- A process that stood still with what it had read wrote down what it had decided, though another had
-- read the same meanwhile, and more: a reaction that was taken back since was given once more.

-- Remove entries that were read; those of Matrix leave their key. If one is gone, whoever calls has been
-- overtaken: nothing is written, in all of its transaction.
CREATE OR REPLACE FUNCTION settle_entries(p_ids bigint[], p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    count_gone integer;
BEGIN
    WITH gone AS (
        DELETE FROM inbox e WHERE e.id = ANY (p_ids) RETURNING e.side, e.key
    ), kept AS (
        INSERT INTO read_events (key, read_at)
        SELECT g.key, p_now FROM gone g WHERE g.side = 'matrix'
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) INTO count_gone FROM gone;
    IF count_gone < cardinality(p_ids) THEN
        RAISE EXCEPTION 'read by another process' USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- Append to streams. Guarantees: ids follow the order of the locks, so that they are the order of
-- the stream where positions are equal (without the lock, two transactions can commit 2 before 1);
-- the locks are taken in one order by everybody, so that nobody waits in a circle; a stream with
-- nothing open becomes due, any other is due already, for its head or for the end of its lease. A
-- message that is linked in the meantime (it was delivered, or is our own echo) is not appended,
-- nor a reaction that has crossed: the statement after the insert sees every commit that the insert
-- had to wait for. The entries that were read leave in the same commit; if one of them is gone, another
-- process has read it meanwhile, and nothing is written: what was decided may be of yesterday.
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
    gone integer;
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
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF gone < cardinality(p_settled) THEN
            RAISE EXCEPTION 'read by another process' USING ERRCODE = 'no_data_found';
        END IF;
    ELSE
        PERFORM settle_entries(p_settled, p_now);
    END IF;
    RETURN true;
END $$;
