-- Put people on a static list by the app's own names for them.
-- Parameters: segment_id, app_id, external_ids, now. Returns external_id and whether the person joined just now, for
-- every name that is known (and not erased). Touches segments_segmentmember. Rows: up to 10,000 names a call.
-- Index: customer_external_id_once, segment_member_once.
with known as (
    select coalesce(customer.merged_into_id, customer.id) as id, customer.external_id
    from unnest(%(external_ids)s::text[]) as given (external_id)
    join customers_customer as customer
        on customer.app_id = %(app_id)s and customer.external_id = given.external_id
    where customer.erased_at is null
),
joined as (
    insert into segments_segmentmember (segment_id, customer_id, joined_at)
    select distinct %(segment_id)s::bigint, id, %(now)s::timestamptz
    from known
    order by id
    on conflict (segment_id, customer_id) where left_at is null do nothing
    returning customer_id
)
select known.external_id, joined.customer_id is not null
from known
left join joined on joined.customer_id = known.id
