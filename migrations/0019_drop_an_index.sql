-- Since 0016 what was pushed and what was found have an index each, and nobody asks for both at once: one
-- less to write for each entry, when it comes and when it is read.
DROP INDEX inbox_due;
