-- Takes a lease on due batches of one lane, each channel in turn. waiting -> leased.
-- Parameters: lane, most, most_each (a channel, with what it holds already), busy_ids and busy_counts (what each channel
-- holds; parallel), now, leased_until, next_probe, gateways (words in the order of their numbers), usual_quota (a minute).
-- A batch is due when released, not expired, outside its quiet hours, its dispatch sending and of a kind that no
-- emergency stop holds, its channel open, and when throttle and pace (ours, or what the vendor's throttling left of it)
-- have at least one device left. Of a closed channel one batch is tried each time its probe is due.
-- Rows: at most `most`. Relies on: batch_due, one probe a channel.
-- What was tried and lost: one scan over all waiting batches (walks everything of a paused channel on each claim).
with probed as (
    update devices_channel channel
    set probe_after = %(next_probe)s::timestamptz
    where channel.state = 'paused' and channel.probe_after <= %(now)s::timestamptz
      and exists (
          select from deliveries_batch batch
          join deliveries_dispatch dispatch on dispatch.id = batch.dispatch_id and dispatch.state = 'sending'
           and dispatch.kind <> all (array(select unnest(stop.kinds) from deliveries_sendingstop stop))
          where batch.state = 'waiting' and batch.lane = %(lane)s and batch.app_id = channel.app_id
            and batch.gateway = array_position(%(gateways)s::text[], channel.gateway::text)
            and batch.release_at <= %(now)s::timestamptz
      )
    returning channel.id
),
channel as (
    select channel.id, channel.app_id, array_position(%(gateways)s::text[], channel.gateway::text) as gateway,
           pace.per_second as pace_per_second, channel.project,
           nullif(coalesce(channel.quota_per_minute, %(usual_quota)s::int), 0) / 60.0::float8 as quota_per_second,
           channel.updated_at, channel.state = 'paused' as is_probe,
           greatest(%(most_each)s::int - coalesce(busy.batches, 0), 0) as room
    from devices_channel channel
    cross join lateral (select least(channel.pace_per_second, channel.slowed_to_per_second) as per_second) pace
    left join unnest(%(busy_ids)s::bigint[], %(busy_counts)s::int[]) as busy (channel_id, batches)
        on busy.channel_id = channel.id
    left join deliveries_pacebucket bucket on bucket.owner = 'channel:' || channel.id
    where (channel.state = 'active' or channel.id in (select probed.id from probed))
      and (pace.per_second is null or bucket.id is null
           or bucket.tokens + extract(epoch from %(now)s::timestamptz - bucket.refilled_at) * pace.per_second >= 1)
),
due as (
    select candidate.id, candidate.dispatch_id, candidate.throttle_per_second, channel.id as channel_id,
           channel.pace_per_second, channel.updated_at, channel.is_probe, channel.project, channel.quota_per_second,
           row_number() over (partition by channel.id order by candidate.release_at, candidate.id) as turn
    from channel
    cross join lateral (
        select batch.id, batch.release_at, dispatch.id as dispatch_id, throttle.per_second as throttle_per_second
        from deliveries_batch batch
        join deliveries_dispatch dispatch on dispatch.id = batch.dispatch_id
        cross join lateral (
            select least(dispatch.throttle_per_second, dispatch.slowed_to_per_second) as per_second
        ) throttle
        left join deliveries_pacebucket bucket on bucket.owner = 'dispatch:' || dispatch.id
        where batch.state = 'waiting' and batch.lane = %(lane)s and batch.app_id = channel.app_id
          and batch.gateway = channel.gateway and batch.release_at <= %(now)s::timestamptz
          and batch.expires_at > %(now)s::timestamptz
          and (batch.not_after is null or batch.not_after > %(now)s::timestamptz)
          and dispatch.kind <> all (array(select unnest(stop.kinds) from deliveries_sendingstop stop))
          and dispatch.state = 'sending' and (dispatch.guard <> 'canary' or batch.is_canary)
          and (bucket.id is null or throttle.per_second is null
               or bucket.tokens + extract(epoch from %(now)s::timestamptz - bucket.refilled_at)
                  * throttle.per_second >= 1)
        order by batch.release_at, batch.id
        limit case when channel.is_probe then 1 else least(channel.room, %(most)s::int) end
        for update of batch skip locked
    ) candidate
    order by turn, candidate.release_at
    limit %(most)s::int
)
update deliveries_batch batch
set state = 'leased', attempt = batch.attempt + 1, leased_until = %(leased_until)s::timestamptz
from due
where batch.id = due.id
returning batch.id, batch.attempt, batch.dispatch_id, batch.app_id, batch.gateway, due.channel_id, due.updated_at,
          due.is_probe, cardinality(batch.device_ids), batch.opened, batch.recorded, batch.crashes, batch.tries,
          batch.may_have_arrived, batch.expires_at, due.throttle_per_second, due.pace_per_second,
          due.project, due.quota_per_second, batch.release_at
