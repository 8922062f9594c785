-- How many people a rule means, how many of them a push can reach, and ten of them.
-- Parameters: app_id, sample_size; {{audience}} selects customer_id once each. Touches nothing.
-- Returns people, reachable, sample (ids). Rows: one. Index relied on: those of the rule.
with matched as materialized (
    select audience.customer_id from {{audience}} as audience
)
select (select count(*) from matched),
       (
           select count(*)
           from matched
           join customers_customer as customer on customer.id = matched.customer_id
           where customer.push_consent is not false
             and matched.customer_id in (
                 select device.customer_id
                 from devices_device as device
                 where device.app_id = %(app_id)s and device.state in ('active', 'stale')
             )
       ),
       array(select customer_id from matched order by hashint8(customer_id) limit %(sample_size)s)
