-- Whether an audience holds at least one customer; reads until the first.
-- Parameters: those of the audience. Rows: one boolean.
select exists {{audience}}
