-- What was done in Teams because somebody wanted it in Matrix, noted before Graph is asked; `message_id`:
-- the system message by which Teams tells of it, which is not told in the room again. `value` is a digest
-- of the new words, or of whom it is about. Pruned by age.
CREATE TABLE granted (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text NOT NULL,
    conversation_id text NOT NULL,
    person text NOT NULL,
    did text NOT NULL,
    value text NOT NULL,
    at timestamptz NOT NULL,
    message_id text
);
CREATE UNIQUE INDEX granted_untold ON granted (tenant_id, conversation_id, person, did, value)
    WHERE message_id IS NULL;
CREATE UNIQUE INDEX granted_told ON granted (tenant_id, conversation_id, message_id)
    WHERE message_id IS NOT NULL;
CREATE INDEX granted_at ON granted (at);
