-- Marks a booster's people as chosen, and keeps how many of its campaign's other people get no SMS and why: everybody
-- once, by the first reason that holds. A message stands for "chosen"; the reasons are those of unopened.sql, turned round.
-- Parameters: rule_id, dispatch_id, planned_on, variants (as for unopened.sql), now. Rows: one.
-- At a million people: one pass over the ledger, not measured yet. Index: the primary keys of ledger, receipts and customers, sms_once.
update sms_booster_boostrule rule
set chosen_at = %(now)s,
    left_out = (
        select coalesce(jsonb_object_agg(counted.reason, counted.people), '{}'::jsonb)
        from (
            select judged.reason, count(*) as people
            from (
                select case
                           when message.id is not null then 'chosen'
                           when person.has_opened then 'opened'
                           when person.is_unclear and not person.was_sent then 'unclear'
                           when not person.was_sent then 'not_sent'
                           when not person.could_open then 'opens_unseen'
                           when customer.erased_at is not null then 'erased'
                           when customer.phone = '' then 'no_phone'
                           when customer.sms_consent is not true then 'no_consent'
                           else 'same_phone'
                       end as reason
                from (
                    select coalesce(named.merged_into_id, named.id) as id,
                           bool_or(delivery.outcome = 1) as was_sent,
                           bool_or(delivery.outcome = 7) as is_unclear,
                           bool_or(opened.device_id is not null) as has_opened,
                           bool_or(
                               delivery.outcome = 1 and delivery.variant = any(%(variants)s::smallint[])
                               and length(device.secret_hash) > 0
                           ) as could_open
                    from deliveries_delivery delivery
                    join customers_customer named on named.id = delivery.customer_id
                    left join devices_device device on device.id = delivery.device_id
                    left join (
                        select distinct receipt.device_id
                        from deliveries_receipt receipt
                        where receipt.planned_on = %(planned_on)s
                          and receipt.dispatch_id = %(dispatch_id)s
                          and receipt.type in (3, 4)
                    ) opened on opened.device_id = delivery.device_id
                    where delivery.planned_on = %(planned_on)s and delivery.dispatch_id = %(dispatch_id)s
                    group by coalesce(named.merged_into_id, named.id)
                ) person
                join customers_customer customer on customer.id = person.id
                left join sms_booster_smsmessage message
                  on message.dispatch_id = %(dispatch_id)s and message.customer_id = person.id
            ) judged
            where judged.reason <> 'chosen'
            group by judged.reason
        ) counted
    )
where rule.id = %(rule_id)s
