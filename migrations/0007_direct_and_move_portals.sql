-- What people decide about portals: which way what is said crosses, and which room it is said in.

-- `to_matrix`, `to_teams`: which way what is said crosses. `is_plumbed`: people had made the room
-- before it was joined to the conversation. Narrow on purpose: of a table without statistics Postgres
-- guesses the number of rows by their width, and of few rows it would sort all.
ALTER TABLE portals
    ADD COLUMN to_matrix boolean NOT NULL DEFAULT true,
    ADD COLUMN to_teams boolean NOT NULL DEFAULT true,
    ADD COLUMN is_plumbed boolean NOT NULL DEFAULT false,
    ADD CHECK (to_matrix OR to_teams);

-- Rooms that a conversation had before the one that it has; what was said there is there still.
-- `is_replaced`: another took its place, and nothing that is said there crosses any more; else it
-- was only parted from the conversation.
CREATE TABLE former_rooms (
    room_id text PRIMARY KEY,
    portal_id bigint NOT NULL,
    is_replaced boolean NOT NULL,
    left_at timestamptz NOT NULL
);
CREATE INDEX former_rooms_portal ON former_rooms (portal_id, left_at);

-- Changes with every decision above, in its transaction: what is remembered of portals in memory is
-- out of date then. One row.
CREATE TABLE portal_decisions (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    count bigint NOT NULL
);
INSERT INTO portal_decisions (count) VALUES (0);
