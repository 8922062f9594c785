-- Change the known people of a request where they differ; a column that was not mentioned (null) stays.
-- Parameters: app_id, now, made_by_test; part: people, as for insert_customers.
-- A row that was merged into another person is not touched: kept_as says under which name to ask again.
-- is_erased: a tombstone that is not sealed yet, of a worker of the version before.
-- Returns external_id, id, is_erased, was_changed, kept_as (null = here), topics_before (null = the same as now) for each.
-- Touches customers_customer.
-- Rows: 1,000 from a call, 10,000 from a file; only those that differ are locked (in order of id, against deadlocks)
-- and written. Index: customer_external_id_once.
with given as (
    select customer.id, customer.external_id as known_as, customer.erased_at, customer.merged_into_id, row.email,
           row.phone, row.first_name, row.last_name, row.language, row.time_zone, row.country, row.traits, row.topics
    from {{people}} as row
    join customers_customer as customer
        on customer.app_id = %(app_id)s and customer.external_id = row.external_id
),
differing as (
    select customer.id, customer.topics::text[] as topics_before
    from customers_customer as customer
    join given on given.id = customer.id
    where customer.erased_at is null and customer.merged_into_id is null
      and (customer.made_by_test and not %(made_by_test)s
           or coalesce(given.email, customer.email) <> customer.email
           or coalesce(given.phone, customer.phone) <> customer.phone
           or coalesce(given.first_name, customer.first_name) <> customer.first_name
           or coalesce(given.last_name, customer.last_name) <> customer.last_name
           or coalesce(given.language, customer.language) <> customer.language
           or coalesce(given.time_zone, customer.time_zone) <> customer.time_zone
           or coalesce(given.country, customer.country) <> customer.country
           or coalesce(given.topics, customer.topics::text[]) <> customer.topics::text[]
           or jsonb_strip_nulls(customer.traits || coalesce(given.traits, '{}')) <> customer.traits)
    order by customer.id
    for update of customer
),
changed as (
    update customers_customer as customer
    set email = coalesce(given.email, customer.email),
        phone = coalesce(given.phone, customer.phone),
        first_name = coalesce(given.first_name, customer.first_name),
        last_name = coalesce(given.last_name, customer.last_name),
        language = coalesce(given.language, customer.language),
        time_zone = coalesce(given.time_zone, customer.time_zone),
        country = coalesce(given.country, customer.country),
        topics = coalesce(given.topics, customer.topics),
        traits = jsonb_strip_nulls(customer.traits || coalesce(given.traits, '{}')),
        made_by_test = customer.made_by_test and %(made_by_test)s,
        updated_at = %(now)s
    from given, differing
    where customer.id = given.id and differing.id = given.id and customer.erased_at is null
    returning customer.id, nullif(differing.topics_before, customer.topics::text[]) as topics_before
)
select given.known_as, given.id, given.erased_at is not null as is_erased, changed.id is not null as was_changed,
       kept.external_id as kept_as, changed.topics_before
from given
left join changed on changed.id = given.id
left join customers_customer as kept on kept.id = given.merged_into_id
