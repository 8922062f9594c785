-- What a dispatch's maker tells each person of it alone. Part: people = customer_id, facts (jsonb), each person once.
-- Parameters: dispatch_id, and those of the part. Rows: one a person; a million take some 4 s.
insert into deliveries_personalfacts (dispatch_id, customer_id, facts)
select %(dispatch_id)s, person.customer_id, person.facts from {{people}} person
