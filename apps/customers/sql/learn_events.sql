-- Note event names and properties never seen before.
-- Parameters: app_id, seen (json: name -> {property: type}), most (names an app may have).
-- Touches customers_eventtype. Rows: at most the names of one request. Index: event_type_once.
-- Sorted by name, so that two requests learning the same names cannot deadlock.
insert into customers_eventtype (app_id, name, properties)
select %(app_id)s, seen.key, seen.value
from jsonb_each(%(seen)s::jsonb) as seen
where exists (select from customers_eventtype where app_id = %(app_id)s and name = seen.key)
   or (select count(*) from customers_eventtype where app_id = %(app_id)s) < %(most)s
order by seen.key
on conflict (app_id, name) do update
set properties = excluded.properties || customers_eventtype.properties
