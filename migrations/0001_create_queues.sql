-- The durable queues: what came in and is not read yet (inbox), what is on its way out
-- (streams, deliveries), and what has arrived (links), each within a portal.
--
-- Every instant is given by the bridge's clock, never by now(): leases and waiting times must mean
-- the same to every process and to the tests.

-- A Teams conversation joined to a Matrix room. The pair (tenant, conversation) is its name in the
-- world; `id` is short, because every other row carries it.
CREATE TABLE portals (
    id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id text NOT NULL,
    conversation_id text NOT NULL,
    room_id text,
    room_name text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id)
);
-- Partial on purpose: an index over every row would count as a key, and then setting the room would
-- lock the row against whoever inserts a row that refers to it.
CREATE UNIQUE INDEX portals_room ON portals (room_id) WHERE room_id IS NOT NULL;

-- One raw thing a side pushed to us. `key` makes a repetition recognisable while the first is still
-- here; afterwards the links do. Entries with an `owner` are being read until `lease_until`.
CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    side text NOT NULL CHECK (side IN ('teams', 'matrix')),
    key text NOT NULL,
    conversation text NOT NULL,
    position bigint NOT NULL,
    raw bytea NOT NULL,
    received_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'parked')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    error text,
    owner uuid,
    lease_until timestamptz,
    UNIQUE (side, key),
    CHECK ((owner IS NULL) = (lease_until IS NULL)),
    CHECK (state = 'open' OR owner IS NULL)
);
CREATE INDEX inbox_due ON inbox (side, due_at, id) WHERE state = 'open';
CREATE INDEX inbox_reading_order ON inbox (side, conversation, position, id) WHERE state = 'open';
-- Holds only what is being read now: which conversations are taken is one probe.
CREATE INDEX inbox_leased ON inbox (side, conversation) WHERE owner IS NOT NULL;
CREATE INDEX inbox_parked ON inbox (id) WHERE state = 'parked';

-- The deliveries of one portal toward one side. `due_at` is when its head may be attempted; NULL:
-- nothing is open. While a process has the stream (`owner`), `due_at` is the end of its lease, so
-- one index answers "what is due" and "whose lease has run out". One row, one owner: two workers on
-- one stream cannot be written down.
CREATE TABLE streams (
    portal_id bigint NOT NULL REFERENCES portals (id),
    side text NOT NULL CHECK (side IN ('teams', 'matrix')),
    due_at timestamptz,
    owner uuid,
    PRIMARY KEY (portal_id, side),
    CHECK (owner IS NULL OR due_at IS NOT NULL)
);
CREATE INDEX streams_due ON streams (side, due_at, portal_id) WHERE due_at IS NOT NULL;
CREATE INDEX streams_leased ON streams (side, owner) WHERE owner IS NOT NULL;

-- One event on its way to one side of one portal; it goes when it has become a link. `uncertain`:
-- an earlier attempt may have been carried out. `version` repeats what `event` holds, so that what
-- is known of a message can be told without decoding. `event` is JSON in bytea and not jsonb, which
-- refuses the U+0000 that a message may hold. No foreign keys here and in links: they would be
-- checked for every row on the hot path, and portals are never removed.
CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    portal_id bigint NOT NULL,
    target text NOT NULL CHECK (target IN ('teams', 'matrix')),
    source text NOT NULL,
    part integer NOT NULL CHECK (part >= 0),
    speaker text NOT NULL,
    version text NOT NULL,
    event bytea NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'parked')),
    uncertain boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz NOT NULL,
    error text,
    created_at timestamptz NOT NULL,
    UNIQUE (portal_id, target, source, part)
);
-- The stream in its order; parked ones are stepped over, however many there are.
CREATE INDEX deliveries_open ON deliveries (portal_id, target, id) WHERE state <> 'parked';
CREATE INDEX deliveries_in_the_air ON deliveries (portal_id, target)
    WHERE state = 'sending' OR (state = 'queued' AND uncertain);
CREATE INDEX deliveries_parked ON deliveries (id) WHERE state = 'parked';

-- A Teams message and the Matrix event that say the same. `part` is part of the key because a long
-- message becomes several on the other side; a Teams message id is unique only within its
-- conversation, hence within the portal.
CREATE TABLE links (
    portal_id bigint NOT NULL,
    message_id text NOT NULL,
    event_id text NOT NULL,
    part integer NOT NULL CHECK (part >= 0),
    origin text NOT NULL CHECK (origin IN ('teams', 'matrix')),
    version text NOT NULL,
    author text NOT NULL,
    sent_at timestamptz NOT NULL,
    linked_at timestamptz NOT NULL,
    PRIMARY KEY (portal_id, message_id, part),
    UNIQUE (portal_id, event_id, part)
);

-- Queue tables turn over completely many times a day: clean up after a share of the rows that is
-- small in a big backlog, and leave room for new row versions in the page of the old one.
ALTER TABLE inbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE deliveries SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE streams SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
