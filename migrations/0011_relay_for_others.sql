-- Whether the service account says in Teams what people say who are not signed in; NULL: as the
-- configuration has it.
ALTER TABLE portals ADD COLUMN relayed boolean;
