-- Whose delivery a followed link is of, with what its text may say about them. Parameters: planned_on, dispatch_id, device_id.
-- Rows: none where the device is gone, or has another owner than the one the push was for: their facts are not for who
-- holds the link. recorded_language: null while the answer of the gateway is not written yet.
-- Relies on: primary keys, the index of merged_into; the batches of the dispatch only where the ledger has no row yet.
select owner.language, device.locale,
       array[owner.external_id, owner.first_name, owner.last_name, owner.email, owner.language, owner.country, owner.time_zone],
       owner.traits::text, delivery.language as recorded_language,
       (select given.facts::text from deliveries_personalfacts given
        where given.dispatch_id = %(dispatch_id)s::bigint and given.customer_id = any(person.ids) limit 1) as personal
from devices_device device
join customers_customer owner on owner.id = device.customer_id and owner.erased_at is null
cross join lateral (
    select array(
        select owner.id union all select half.id from customers_customer half where half.merged_into_id = owner.id
    ) as ids
) person
left join deliveries_delivery delivery
  on delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s::bigint
 and delivery.customer_id = any(person.ids) and delivery.device_id = device.id
where device.id = %(device_id)s::bigint
  and (delivery.device_id is not null or exists (
      select from deliveries_batch batch
      where batch.dispatch_id = %(dispatch_id)s::bigint and batch.device_ids @> array[device.id]
        and batch.customer_ids[array_position(batch.device_ids, device.id)] = any(person.ids)
  ))
