-- Store the events of a request; ids of customers are known by then. One of a watched name leaves its arrival, too.
-- Parameters: app_id and the parallel arrays customer_ids, names, times, amounts, properties (json texts).
-- Returns one number, the events stored. Touches customers_event (each row goes to its week), customers_eventarrival.
-- Rows: up to 500 a call. Index: event_watch_once.
-- Tried: COPY of the same rows; no faster below 1,000 rows, and it cannot share the statement's parameters.
with stored as (
    insert into customers_event (app_id, customer_id, name, occurred_at, amount, properties)
    select %(app_id)s, event.customer_id, event.name, event.occurred_at, event.amount, event.properties::jsonb
    from unnest(%(customer_ids)s::bigint[], %(names)s::text[], %(times)s::timestamptz[], %(amounts)s::float8[],
                %(properties)s::text[]) as event (customer_id, name, occurred_at, amount, properties)
    returning id, app_id, customer_id, name, occurred_at
),
arrived as (
    insert into customers_eventarrival (event_id, app_id, customer_id, name, occurred_at)
    select stored.id, stored.app_id, stored.customer_id, stored.name, stored.occurred_at
    from stored
    join customers_eventwatch watch on watch.app_id = stored.app_id and watch.name = stored.name
)
select count(*) from stored
