-- `awaits`: whose next sign-in an entry waits for; it stays there once it goes on. Such an entry is moved
-- out of its conversation, so that nobody else's waits behind it.
ALTER TABLE inbox ADD COLUMN awaits text;
CREATE INDEX inbox_awaiting ON inbox (awaits) WHERE awaits IS NOT NULL;
