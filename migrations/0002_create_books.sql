-- What the two sides remember: people, keys, subscriptions, rooms that are no portals. Columns that
-- end in `_sealed` are encrypted by the bridge with the keys of its configuration.

CREATE TABLE ghosts (
    tenant_id text NOT NULL,
    person_id text NOT NULL,
    name text,
    has_device boolean NOT NULL,
    PRIMARY KEY (tenant_id, person_id)
);

-- A Matrix user's signed-in Teams identity. One Teams user speaks as one Matrix user at a time,
-- else nobody could say whose ghost and whose messages are whose.
CREATE TABLE accounts (
    user_id text PRIMARY KEY,
    tenant_id text NOT NULL,
    teams_user_id text NOT NULL,
    name text,
    token_cache_sealed bytea NOT NULL,
    signed_in_at timestamptz NOT NULL,
    welcomed boolean NOT NULL DEFAULT false,
    UNIQUE (tenant_id, teams_user_id)
);
CREATE INDEX accounts_unwelcomed ON accounts (signed_in_at) WHERE NOT welcomed;

-- Sign-ins under way. Only a hash of the ticket is kept: whoever reads this table cannot use it.
CREATE TABLE sign_ins (
    ticket_hash bytea PRIMARY KEY,
    user_id text NOT NULL,
    flow_sealed bytea,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_ins_user ON sign_ins (user_id, expires_at);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);

-- Key pairs for the content of notifications. `number` tells which is newest.
CREATE TABLE certificates (
    id text PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    certificate text NOT NULL,
    private_key_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- One subscription at Graph for each resource; `graph_id` is NULL between the intent to create it
-- and the answer.
CREATE TABLE subscriptions (
    resource text PRIMARY KEY,
    graph_id text,
    client_state_sealed bytea NOT NULL,
    certificate_id text NOT NULL REFERENCES certificates (id),
    expires_at timestamptz NOT NULL
);

-- How far we have read, by whatever a side needs to be read in (`scope`).
CREATE TABLE cursors (
    side text NOT NULL CHECK (side IN ('teams', 'matrix')),
    scope text NOT NULL,
    value text NOT NULL,
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (side, scope)
);

-- Rooms that are no portals: where the bot talks with one user.
CREATE TABLE desk_rooms (
    user_id text PRIMARY KEY,
    room_id text NOT NULL
);
