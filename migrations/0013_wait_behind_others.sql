-- What refers to a message that waits for its speaker's sign-in waits behind it.

-- `behind`: the source of what it waits for; NULL: it waits for a sign-in of its own speaker, or not.
ALTER TABLE deliveries ADD COLUMN behind text;
CREATE INDEX deliveries_behind ON deliveries (portal_id, behind) WHERE behind IS NOT NULL;
