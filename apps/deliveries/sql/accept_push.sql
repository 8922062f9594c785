-- Accepts a transactional push in one round trip: dispatch, content, one batch a gateway. Rows: one, the dispatch's id.
-- Parameters: the dispatch's columns; body, facts (encrypted); device_ids, customer_ids, gateways (parallel).
with accepted as (
    insert into deliveries_dispatch (
        app_id, kind, lane, origin, occurrence, name, external_id, state, reason, policy, throttle_per_second, planned_on,
        planned_people, planned_devices, planning_attempt, created_at, expires_at, finished_at
    )
    values (
        %(app_id)s, 'transactional', 'urgent', 'push', %(occurrence)s, '', %(external_id)s, %(state)s, '', %(policy)s::jsonb, null,
        %(now)s::timestamptz::date, %(people)s, cardinality(%(device_ids)s::bigint[]), 0, %(now)s::timestamptz,
        %(expires_at)s::timestamptz, %(finished_at)s::timestamptz
    )
    returning id, app_id
),
content as (
    insert into deliveries_content (dispatch_id, variant, language, body, facts)
    select accepted.id, 0, '', %(body)s::text, %(facts)s::text from accepted
),
batch as (
    insert into deliveries_batch (
        dispatch_id, app_id, gateway, lane, state, device_ids, customer_ids, variants, opened, recorded, release_at,
        not_after, expires_at, time_zone, tries, may_have_arrived, in_flight, attempt, crashes
    )
    select accepted.id, accepted.app_id, target.gateway, 'urgent', 'waiting',
           array_agg(target.device_id order by target.device_id), array_agg(target.customer_id order by target.device_id),
           array_agg(0::smallint), 0, 0, %(release_at)s::timestamptz, null, %(expires_at)s::timestamptz, '', 0, false, false, 0, 0
    from accepted
    cross join unnest(%(device_ids)s::bigint[], %(customer_ids)s::bigint[], %(gateways)s::smallint[])
        as target (device_id, customer_id, gateway)
    group by accepted.id, accepted.app_id, target.gateway
)
select accepted.id from accepted
