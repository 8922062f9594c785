-- Store the events of a request; ids of customers are known by then.
-- Parameters: app_id and the parallel arrays customer_ids, names, times, amounts, properties (json texts).
-- Touches customers_event (each row goes to its week). Rows: up to 500 a call.
-- Tried: COPY of the same rows; no faster below 1,000 rows, and it cannot share the statement's parameters.
insert into customers_event (app_id, customer_id, name, occurred_at, amount, properties)
select %(app_id)s, event.customer_id, event.name, event.occurred_at, event.amount, event.properties::jsonb
from unnest(%(customer_ids)s::bigint[], %(names)s::text[], %(times)s::timestamptz[], %(amounts)s::float8[],
            %(properties)s::text[]) as event (customer_id, name, occurred_at, amount, properties)
