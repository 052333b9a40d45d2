-- Chats that somebody wants to have, from Matrix: written down before they are made, as Graph makes a
-- group as often as it is asked to. `key` names the wish, `person` is who makes the chat, `members`
-- are all, sorted. `room_id`: what is to become its room; a room of the bridge's own is not made while
-- one waits. `conversation_id`: the chat, once it is there. Pruned by age.
CREATE TABLE starts (
    key text PRIMARY KEY,
    tenant_id text NOT NULL,
    person text NOT NULL,
    members text[] NOT NULL,
    is_group boolean NOT NULL,
    topic text,
    room_id text,
    begun_at timestamptz NOT NULL,
    conversation_id text
);
CREATE INDEX starts_begun ON starts (begun_at);
