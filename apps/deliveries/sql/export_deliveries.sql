-- The deliveries of one dispatch as the CSV's columns, one row a ledger row, in no order.
-- Parameters: dispatch_id, planned_on, planned_at, campaign_id, campaign_name (made safe), outcome_words, gateway_words,
-- platform_words (by number), inner_pad, outer_pad (of the id's HMAC). Part: extras = customer_id, sms_state, sms_parts.
-- Cost: 4 us a row; run by COPY. The delivery id is made as delivery_ids.make_delivery_id makes it.
select translate(encode(signed.body || substring(
           sha256(%(outer_pad)s::bytea || sha256(%(inner_pad)s::bytea || signed.body)) from 1 for 10
       ), 'base64'), '+/', '-_') as delivery_id,
       signed.dispatch_id, %(campaign_id)s::text as campaign_id, %(campaign_name)s::text as campaign_name, signed.variant,
       signed.language,
       case when customer.erased_at is not null then ''
            when customer.external_id ~ '^\s*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]' then '''' || customer.external_id
            else customer.external_id end as customer_external_id,
       signed.device_id, (%(platform_words)s::text[])[signed.platform] as platform,
       (%(gateway_words)s::text[])[signed.gateway] as gateway, (%(outcome_words)s::text[])[signed.outcome] as outcome,
       case when signed.code ~ '^\s*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]' then '''' || signed.code else signed.code end as code,
       %(planned_at)s::text as planned_at,
       to_char(signed.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded_at,
       to_char(receipt.displayed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as displayed_at,
       to_char(receipt.opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as opened_at,
       to_char(receipt.clicked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as clicked_at,
       extras.sms_state, extras.sms_parts, 1 as schema_version
from (
    select delivery.*,
           int4send((delivery.planned_on - date '2020-01-01') * 256 + (delivery.variant & 255))
           || int8send(delivery.dispatch_id)
           || int8send(case delivery.device_id when 0 then -delivery.customer_id else delivery.device_id end) as body
    from deliveries_delivery delivery
    where delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s
) signed
left join customers_customer named on named.id = signed.customer_id
left join customers_customer customer on customer.id = coalesce(named.merged_into_id, named.id)
left join (
    select one.device_id, min(one.at) filter (where one.type = 2) as displayed_at,
           min(one.at) filter (where one.type = 3) as opened_at, min(one.at) filter (where one.type = 4) as clicked_at
    from deliveries_receipt one
    where one.planned_on = %(planned_on)s::date and one.dispatch_id = %(dispatch_id)s
    group by one.device_id
) receipt on receipt.device_id = signed.device_id
left join {{extras}} extras on extras.customer_id = signed.customer_id
