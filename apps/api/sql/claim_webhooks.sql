-- Takes messages to be tried now, under a lease. Parameters: now, leased_until, most, most_probes. Rows: id, fence.
-- Each endpoint has as many under way as its flight allows; a failing one has a single try, whatever its message's time.
-- Relies on: webhook_message_due, webhook_message_leased. Endpoints that another process is looking at are left to it.
with endpoint as (
    select one.id, one.state = 'failing' as is_probe,
           case when one.state <> 'failing' then greatest(one.flight - leased.total, 0)
                when one.probe_at <= %(now)s::timestamptz and leased.total = 0 then 1
                else 0 end as room
    from api_webhookendpoint one
    join accounts_app app on app.id = one.app_id and app.is_active
    cross join lateral (
        select count(*) as total
        from api_webhookmessage message
        where message.endpoint_id = one.id and message.leased_until > %(now)s::timestamptz
    ) leased
    where one.state in ('active', 'failing')
    for update of one skip locked
),
due as (
    select message.id, endpoint.is_probe,
           row_number() over (partition by endpoint.is_probe order by message.due_at, message.id) as place
    from endpoint
    cross join lateral (
        select one.id, one.due_at
        from api_webhookmessage one
        where one.endpoint_id = endpoint.id and one.state = 'waiting'
          and (one.leased_until is null or one.leased_until <= %(now)s::timestamptz)
          and (endpoint.is_probe or one.due_at <= %(now)s::timestamptz)
        order by one.due_at, one.id
        limit endpoint.room
    ) message
),
chosen as (
    select due.id
    from due
    where not due.is_probe or due.place <= %(most_probes)s::int
    order by due.is_probe, due.place
    limit %(most)s::int
)
update api_webhookmessage message
set leased_until = %(leased_until)s::timestamptz, fence = message.fence + 1
from chosen
where message.id = chosen.id
returning message.id, message.fence
