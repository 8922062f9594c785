-- Benchmark: what the app's people did in the last `days` days, oldest first; some do much, most little.
-- Parameters: app_id, events, days, now. Rows: events (10M without the two indexes: 90 s).
with span as (
    select min(id) as first, count(*) as people from customers_customer where app_id = %(app_id)s
)
insert into customers_event (app_id, customer_id, name, occurred_at, amount, properties)
select %(app_id)s, span.first + floor(power(random(), 1.5) * span.people)::bigint, deed.name,
       %(now)s::timestamptz - (%(events)s::float8 - number) / %(events)s * %(days)s * interval '1 day',
       case when deed.name = 'purchase' then 5 + number %% 200 end,
       case when deed.name = 'purchase'
            then jsonb_build_object('amount', 5 + number %% 200, 'category', (array['shoes', 'hats', 'bags', 'toys', 'books'])[1 + number %% 5])
            else jsonb_build_object('screen', 's' || number %% 40) end
from generate_series(1, %(events)s::int) number
cross join span
cross join lateral (
    select (array['view', 'view', 'view', 'view', 'view', 'login', 'login', 'added_to_cart', 'added_to_cart', 'purchase'])[1 + abs(hashint4(number)) %% 10] as name
) deed
