-- Change the known people of a request where they differ; a column that was not mentioned (null) stays.
-- Parameters: app_id, now, made_by_test, keeps_left_topics; part: people, as for insert_customers.
-- keeps_left_topics: a list of topics does not put people back into one whose newest answer is a no, unless that no came
--   of such a list itself. Nor into one that they leave at this moment: the lock reads the newest version of the row.
-- A row that was merged into another person is not touched: kept_as says under which name to ask again.
-- is_erased: a tombstone that is not sealed yet, of a worker of the version before.
-- Returns external_id, id, is_erased, was_changed, kept_as (null = here), topics_before and topics_now (null = the same),
--   stayed_left (null = none: topics that were told, but left before) for each.
-- Touches customers_customer; reads customers_consent by consent_customer_at for topics that would be joined.
-- Rows: 1,000 from a call, 6,000 from a file; only those that differ are locked (in order of id, against deadlocks)
-- and written. Index: customer_external_id_once; "offset 0" keeps the planner, who knows nothing yet of a table that grew a
-- minute ago, from a join that reads all the app's people (150 ms a statement at 100,000).
with told as (
    select customer.id, customer.external_id as known_as, customer.erased_at, customer.merged_into_id, row.email,
           row.phone, row.first_name, row.last_name, row.language, row.time_zone, row.country, row.traits, row.topics,
           customer.topics::text[] as known_topics
    from {{people}} as row
    cross join lateral (
        select * from customers_customer as one
        where one.app_id = %(app_id)s and one.external_id = row.external_id
        offset 0
    ) as customer
),
left_before as (
    select told.id, array_agg(joined.topic) as topics
    from told
    cross join unnest(told.topics) as joined (topic)
    cross join lateral (
        select granted, source
        from customers_consent as consent
        where consent.customer_id = told.id and consent.channel = 'push' and consent.topic = joined.topic
        order by at desc, id desc
        limit 1
    ) as newest
    where %(keeps_left_topics)s and joined.topic <> all (told.known_topics)
      and not newest.granted and newest.source <> 'import_list'
    group by told.id
),
given as (
    select told.*, left_before.topics as stayed_left,
           case when left_before.topics is null then told.topics
                else array(select topic from unnest(told.topics) as topic where topic <> all (left_before.topics))
           end as own_topics
    from told
    left join left_before on left_before.id = told.id
),
differing as (
    select customer.id, customer.topics::text[] as topics_before,
           case when %(keeps_left_topics)s and given.own_topics is not null
                then array(
                    select topic from unnest(given.own_topics) as topic
                    where topic = any (customer.topics::text[]) or topic <> all (given.known_topics)
                )
                else given.own_topics
           end as topics
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
           or coalesce(given.own_topics, customer.topics::text[]) <> customer.topics::text[]
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
        topics = coalesce(differing.topics, customer.topics),
        traits = jsonb_strip_nulls(customer.traits || coalesce(given.traits, '{}')),
        made_by_test = customer.made_by_test and %(made_by_test)s,
        updated_at = %(now)s
    from given, differing
    where customer.id = given.id and differing.id = given.id and customer.erased_at is null
    returning customer.id, nullif(differing.topics_before, customer.topics::text[]) as topics_before,
              customer.topics::text[] as topics_now
)
select given.known_as, given.id, given.erased_at is not null as is_erased, changed.id is not null as was_changed,
       kept.external_id as kept_as, changed.topics_before,
       case when changed.topics_before is not null then changed.topics_now end as topics_now, given.stayed_left
from given
left join changed on changed.id = given.id
left join customers_customer as kept on kept.id = given.merged_into_id
