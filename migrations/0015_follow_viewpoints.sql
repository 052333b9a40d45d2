-- What the bridge itself has made up and must keep secret, sealed.
CREATE TABLE own_secrets (
    name text PRIMARY KEY,
    value_sealed bytea NOT NULL
);

-- When Graph is asked next to go on telling what a signed-in person has read, and whether something
-- of that has been missed. What was made without a certificate tells nothing that is encrypted.
ALTER TABLE accounts ADD COLUMN watch_due_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN watch_missed boolean NOT NULL DEFAULT true;
CREATE INDEX accounts_watch_due ON accounts (watch_due_at) WHERE refused_at IS NULL;
ALTER TABLE subscriptions ALTER COLUMN certificate_id DROP NOT NULL;
CREATE INDEX subscriptions_of_people ON subscriptions (split_part(resource, '/', 3))
    WHERE resource LIKE '/users/_%';

-- How a person sees a chat in Teams, as told last (`asks`: only that it has changed), and what of it
-- their own account shows: read up to a message, low priority. `marking_since`: it is being marked
-- read in Teams for them since then; `marked_at`: it was, last.
CREATE TABLE viewpoints (
    portal_id bigint NOT NULL,
    person_id text NOT NULL,
    told_at timestamptz,
    asks boolean NOT NULL DEFAULT false,
    read_at timestamptz,
    is_hidden boolean NOT NULL DEFAULT false,
    due_at timestamptz,
    shown_ref text,
    shown_hidden boolean NOT NULL DEFAULT false,
    marking_since timestamptz,
    marked_at timestamptz,
    PRIMARY KEY (portal_id, person_id)
);
CREATE INDEX viewpoints_due ON viewpoints (due_at) WHERE due_at IS NOT NULL;
