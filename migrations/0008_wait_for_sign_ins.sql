-- Who must sign in again, and what waits for that.

-- `refused_at`: since when Microsoft gives no token any more; NULL: all is well. `refusal`: why, in words
-- for the person; `refusal_told`: whether they were told. `look_at`: when it is tried again by itself.
ALTER TABLE accounts ADD COLUMN refused_at timestamptz, ADD COLUMN refusal text,
    ADD COLUMN refusal_told boolean NOT NULL DEFAULT false, ADD COLUMN look_at timestamptz,
    ADD CHECK ((refused_at IS NULL) = (refusal IS NULL)),
    ADD CHECK ((refused_at IS NULL) = (look_at IS NULL));
CREATE INDEX accounts_refused ON accounts (look_at) WHERE refused_at IS NOT NULL;

-- Set aside until the speaker has signed in again; nobody else need do anything.
ALTER TABLE deliveries ADD COLUMN awaits_sign_in boolean NOT NULL DEFAULT false,
    ADD CHECK (state = 'parked' OR NOT awaits_sign_in);
CREATE INDEX deliveries_awaiting ON deliveries (speaker, created_at) WHERE awaits_sign_in;
DROP INDEX deliveries_untold;
CREATE INDEX deliveries_untold ON deliveries (id)
    WHERE target = 'teams' AND error IS NOT NULL
        AND (told IS NULL OR (told = 'waiting' AND state = 'parked' AND NOT awaits_sign_in));
