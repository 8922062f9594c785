-- Delete people who were just created under a name that was erased. Parameters: app_id, ids, keys (parallel).
-- Returns external_id and the tombstone's id. Touches customers_customer. Index: customer_erased_once.
with named as (
    select * from unnest(%(ids)s::bigint[], %(keys)s::bytea[]) as named (id, key)
)
delete from customers_customer as customer
using named, customers_customer as tombstone
where customer.id = named.id and tombstone.app_id = %(app_id)s and tombstone.erased_key = named.key
returning customer.external_id, tombstone.id
