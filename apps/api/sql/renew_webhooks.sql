-- Lengthens leases of messages whose requests are still under way. Parameters: message_ids, fences (parallel), leased_until.
-- Whoever looks at such a row now, to take it after its lease, may have it: nobody waits.
update api_webhookmessage message
set leased_until = %(leased_until)s::timestamptz
where message.id in (
    select one.id
    from api_webhookmessage one
    join unnest(%(message_ids)s::bigint[], %(fences)s::int[]) as held (message_id, fence)
      on held.message_id = one.id and held.fence = one.fence
    where one.state = 'waiting'
    for update of one skip locked
)
