-- Leases that ran out. leased -> waiting; one more crash where a slice was in flight; the attempt rises, so that the
-- worker, should it still live, writes nothing more. Parameters: now. Relies on: batch_leased (few rows).
update deliveries_batch batch
set state = 'waiting', leased_until = null, in_flight = false, attempt = batch.attempt + 1,
    crashes = batch.crashes + case when batch.in_flight then 1 else 0 end
where batch.id in (
    select stale.id
    from deliveries_batch stale
    where stale.state = 'leased' and stale.leased_until < %(now)s::timestamptz
    for update skip locked
)
