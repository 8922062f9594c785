-- Opens one slice of each wanted batch and reads what its devices need. Batches stay leased; opened and lease advance.
-- Parameters: batch_ids, fences, firsts, lasts, is_probe, needs_facts, topics ("" = any) (parallel; positions count from
-- 0), now, leased_until. A batch that may not be sent now (fence lost, dispatch not sending or stopped with its kind,
-- channel closed, expired, quiet) gives no row. Rows: one a device, by batch and position.
-- merged_into: who a person merged since the planning is part of now; consent, texts and whose device it is are read there;
-- open_merged.sql then says who is_reached_elsewhere.
-- settled: a row of ledger or Retry is there already; looked for only where an earlier worker had the batch.
-- Relies on: primary keys alone. Cost: 9 us a device.
with opened as (
    update deliveries_batch batch
    set opened = greatest(batch.opened, wanted.last), in_flight = true, leased_until = %(leased_until)s::timestamptz
    from unnest(
            %(batch_ids)s::bigint[], %(fences)s::int[], %(firsts)s::int[], %(lasts)s::int[], %(is_probe)s::bool[],
            %(needs_facts)s::bool[], %(topics)s::text[]
         ) as wanted (batch_id, fence, first, last, is_probe, needs_facts, topic),
         deliveries_dispatch dispatch, devices_channel channel
    where batch.id = wanted.batch_id and batch.state = 'leased' and batch.attempt = wanted.fence
      and batch.recorded = wanted.first
      and batch.expires_at > %(now)s::timestamptz
      and (batch.not_after is null or batch.not_after > %(now)s::timestamptz)
      and dispatch.id = batch.dispatch_id and dispatch.state = 'sending'
      and dispatch.kind <> all (array(select unnest(stop.kinds) from deliveries_sendingstop stop))
      and channel.app_id = batch.app_id and channel.gateway = (%(gateway_words)s::text[])[batch.gateway]
      and (channel.state = 'active' or wanted.is_probe)
    returning batch.id, batch.dispatch_id, batch.app_id, dispatch.planned_on, wanted.needs_facts, wanted.topic,
              batch.attempt > 1 or batch.tries > 0 as had_earlier_worker,
              batch.device_ids[wanted.first + 1:wanted.last] as device_ids,
              batch.customer_ids[wanted.first + 1:wanted.last] as customer_ids,
              batch.variants[wanted.first + 1:wanted.last] as variants
)
select opened.id, place.device_id, place.customer_id, place.variant,
       opened.had_earlier_worker and (
           exists (
               select from deliveries_delivery delivery
               where delivery.planned_on = opened.planned_on and delivery.dispatch_id = opened.dispatch_id
                 and delivery.customer_id = place.customer_id and delivery.device_id = place.device_id
           ) or exists (
               select from deliveries_retry retry
               where retry.dispatch_id = opened.dispatch_id and retry.device_id = place.device_id
           )
       ) as settled,
       customer.erased_at is not null or kept.erased_at is not null as is_erased,
       customer.push_consent is false or kept.push_consent is false
           or (opened.topic <> '' and not opened.topic = any(coalesce(kept.topics, customer.topics))) as is_opted_out,
       device.customer_id is not distinct from coalesce(kept.id, place.customer_id) as is_theirs,
       device.state, device.platform, device.address, device.address_kind, device.environment, device.webpush_p256dh,
       device.webpush_auth, coalesce(kept.language, customer.language), device.locale,
       case when opened.needs_facts and kept.id is null then
           array[customer.external_id, customer.first_name, customer.last_name, customer.email, customer.language,
                 customer.country, customer.time_zone]
       when opened.needs_facts then
           array[kept.external_id, kept.first_name, kept.last_name, kept.email, kept.language, kept.country, kept.time_zone]
       end,
       case when opened.needs_facts then coalesce(kept.traits, customer.traits)::text end,
       kept.id as merged_into, false as is_reached_elsewhere
from opened
cross join lateral unnest(opened.device_ids, opened.customer_ids, opened.variants)
    with ordinality as place (device_id, customer_id, variant, position)
left join devices_device device on device.id = place.device_id
left join customers_customer customer on customer.id = place.customer_id
left join customers_customer kept on kept.id = customer.merged_into_id
order by opened.id, place.position
