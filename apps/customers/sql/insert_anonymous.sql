-- New people without a name, in the app's default topics. Parameters: app_id, people_count, now, made_by_test.
-- Returns their ids. Touches customers_customer.
insert into customers_customer (
    app_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics, created_at, updated_at,
    made_by_test
)
select %(app_id)s, '', '', '', '', '', '', '', '{}',
       coalesce((select array_agg(key::text) from customers_topic where app_id = %(app_id)s and is_default), '{}'),
       %(now)s, %(now)s, %(made_by_test)s
from generate_series(1, %(people_count)s)
returning id
