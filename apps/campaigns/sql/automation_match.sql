-- Who of the picked is not meant by a condition. Part: matched = who is. Parameters: those of the part.
update automation_picked picked
set matches = false
where picked.customer_id not in (select matched.customer_id from {{matched}} matched where matched.customer_id is not null)
