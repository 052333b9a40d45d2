-- As in 0003, but what was parked, as nobody could tell which message it had become, stays parked if
-- whoever had been frozen while posting it says so at last, and that message has been taken for one of
-- Teams' own meanwhile: edited or deleted as such, or on its way to Matrix. Linked now, it would stand
-- there twice, or remain where it was deleted in Teams.
CREATE OR REPLACE FUNCTION conclude(
    p_ended bigint[], p_ended_portals bigint[], p_messages text[], p_event_ids text[],
    p_parts integer[], p_origins text[], p_versions text[], p_authors text[],
    p_sent_at timestamptz[],
    p_portals bigint[], p_sides text[], p_owner uuid, p_claimed bigint[], p_doubtful bigint[],
    p_now timestamptz
) RETURNS TABLE (side text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF 'matrix' <> ALL (p_origins) AND 'teams' <> ALL (p_sides) THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;

    IF cardinality(p_ended) > 0 THEN
        WITH named AS MATERIALIZED (
            SELECT *
            FROM unnest(p_ended_portals, p_messages, p_event_ids, p_parts, p_origins, p_versions,
                p_authors, p_sent_at)
                AS n (portal_id, message_id, event_id, part, origin, version, author, sent_at)
        ), late AS MATERIALIZED (
            SELECT d.id, n.portal_id, n.message_id
            FROM deliveries d
            JOIN named n ON n.portal_id = d.portal_id AND n.event_id = d.source
            WHERE d.id = ANY (p_ended) AND d.state IS NOT DISTINCT FROM 'parked'
                AND d.target = 'teams' AND NOT EXISTS (
                    SELECT FROM links l
                    WHERE l.portal_id = n.portal_id AND l.message_id = n.message_id
                        AND l.event_id = n.event_id
                ) AND (EXISTS (
                    SELECT FROM message_states s
                    WHERE s.portal_id = n.portal_id AND s.side = 'teams' AND s.ref = n.message_id
                ) OR EXISTS (
                    SELECT FROM links l
                    WHERE l.portal_id = n.portal_id AND l.message_id = n.message_id
                ) OR EXISTS (
                    SELECT FROM deliveries o
                    WHERE o.portal_id = n.portal_id AND o.target = 'matrix'
                        AND o.source = n.message_id
                ))
        ), ended AS (
            DELETE FROM deliveries d
            WHERE d.id = ANY (p_ended) AND NOT EXISTS (SELECT FROM late WHERE late.id = d.id)
        )
        INSERT INTO links
            (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
        SELECT n.portal_id, n.message_id, n.event_id, n.part, n.origin, n.version, n.author,
            n.sent_at, p_now
        FROM named n
        WHERE NOT EXISTS (
            SELECT FROM late
            WHERE late.portal_id = n.portal_id AND late.message_id = n.message_id
        )
        ON CONFLICT DO NOTHING;
    END IF;

    IF cardinality(p_portals) > 0 THEN
        RETURN QUERY
        SELECT * FROM release_runs(p_portals, p_sides, p_owner, p_claimed, p_doubtful, p_now);
    END IF;
END $$;
