-- Whose Matrix account is whose, so that what a person does in Teams appears under their own.

-- `user_id`: the account that is claimed to be theirs, NULL: none. `source`: 1 they have signed in,
-- 2 a list, 3 a rule. `why`: why they are heard by their ghost all the same, NULL: they speak by it.
-- `rules` names the rules by which it was decided. `asked_at`, `tried_at`: when directory and
-- homeserver were asked. `changed_at`: since when they are heard as they are.
CREATE TABLE pairings (
    tenant_id text NOT NULL,
    person_id text NOT NULL,
    user_id text,
    source smallint,
    why text,
    rules text NOT NULL,
    asked_at timestamptz NOT NULL,
    tried_at timestamptz,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, person_id)
);
CREATE INDEX pairings_user ON pairings (user_id) WHERE user_id IS NOT NULL;
-- Two people never speak by one account, whatever a bug may want.
CREATE UNIQUE INDEX pairings_one_each ON pairings (user_id) WHERE user_id IS NOT NULL AND why IS NULL;
