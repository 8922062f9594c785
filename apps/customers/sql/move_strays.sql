-- What was written under the ids of rows while they were being merged follows the people.
-- Parameters: half_ids, kept_ids (parallel). Touches customers_consent, customers_event. Returns the rows moved.
-- Index: customers_event_person, consent_customer_at.
with half as (
    select * from unnest(%(half_ids)s::bigint[], %(kept_ids)s::bigint[]) as half (id, kept_id)
),
consents as (
    update customers_consent as consent
    set customer_id = half.kept_id
    from half
    where consent.customer_id = half.id
    returning 1
),
events as (
    update customers_event as event set customer_id = half.kept_id from half where event.customer_id = half.id returning 1
)
select (select count(*) from consents) + (select count(*) from events)
