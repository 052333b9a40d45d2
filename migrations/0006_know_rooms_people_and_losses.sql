-- What is not a message: rooms, spaces and people as they were shown last, media that were copied,
-- and what could not be carried over.

-- `shape`: as what the room was shown last (name, members, rights …), NULL before the first time.
-- `shape_due_at`: when it is to be looked at; NULL: nothing is known to have changed. `shape_lease`:
-- until then nobody else looks; news that come meanwhile wait for the look to end. `shape_news`:
-- something has happened in the conversation itself. `gone_at`: since when Teams does not know it any
-- more.
ALTER TABLE portals ADD COLUMN shape bytea, ADD COLUMN shape_due_at timestamptz,
    ADD COLUMN shape_lease timestamptz, ADD COLUMN shape_news boolean NOT NULL DEFAULT false,
    ADD COLUMN gone_at timestamptz;
CREATE INDEX portals_shape_due ON portals (shape_due_at, id)
    WHERE shape_due_at IS NOT NULL AND room_id IS NOT NULL;
-- Rooms from before were never brought up to date.
UPDATE portals SET shape_due_at = created_at WHERE room_id IS NOT NULL;

-- The channels of a team; `conversation_id` is `<team>/<channel>`.
CREATE INDEX portals_team ON portals (tenant_id, split_part(conversation_id, '/', 1))
    WHERE conversation_id LIKE '%/%';

-- The space of a team, and that of the tenant, whose `team_id` is ''.
CREATE TABLE spaces (
    tenant_id text NOT NULL,
    team_id text NOT NULL,
    name text,
    room_id text,
    shape bytea,
    shape_due_at timestamptz,
    shape_lease timestamptz,
    gone_at timestamptz,
    PRIMARY KEY (tenant_id, team_id)
);
CREATE INDEX spaces_shape_due ON spaces (shape_due_at) WHERE shape_due_at IS NOT NULL;

-- `profile`: what is known of the person, and as what the ghost was shown last, beside its name; NULL
-- for ghosts from before. `looked_at`: when the directory of Teams was asked about them last, NULL:
-- never; whoever speaks and was not asked about for long is due. So ghosts from before become like
-- their people one by one, and not all in the hour of an upgrade. `due_at`: as above.
ALTER TABLE ghosts ADD COLUMN profile bytea, ADD COLUMN looked_at timestamptz,
    ADD COLUMN due_at timestamptz;
CREATE INDEX ghosts_due ON ghosts (due_at) WHERE due_at IS NOT NULL;

-- The last event of a thread: replies are named `<root>/<id>`.
CREATE INDEX links_thread ON links (portal_id, split_part(message_id, '/', 1), sent_at)
    WHERE message_id LIKE '%/%';

-- Bytes that were copied from one side to the other; `source` is where they lie there, or a digest
-- of it. `info` is what is known of them, as JSON.
CREATE TABLE media (
    source text PRIMARY KEY,
    uri text NOT NULL,
    info bytea NOT NULL,
    copied_at timestamptz NOT NULL
);

-- What could not be carried over of a message of Teams, each kind once.
CREATE TABLE losses (
    portal_id bigint NOT NULL,
    message_id text NOT NULL,
    name text NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (portal_id, message_id, name)
);
CREATE INDEX losses_by_name ON losses (name, noted_at);
