-- Delete people who were just created under a name that was erased, and what they answered in the same breath.
-- Parameters: app_id, ids, keys (parallel). Returns external_id and the tombstone's id.
-- Touches customers_customer, customers_consent. Index: customer_erased_once, consent_customer_at.
with taken as (
    select customer.id, tombstone.id as tombstone_id
    from unnest(%(ids)s::bigint[], %(keys)s::bytea[]) as named (id, key)
    join customers_customer as customer on customer.id = named.id
    join customers_customer as tombstone on tombstone.app_id = %(app_id)s and tombstone.erased_key = named.key
),
forgotten as (
    delete from customers_consent as answer using taken where answer.customer_id = taken.id
)
delete from customers_customer as customer
using taken
where customer.id = taken.id
returning customer.external_id, taken.tombstone_id
