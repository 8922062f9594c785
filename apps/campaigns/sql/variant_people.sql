-- The people of an A/B test by variant: reached, opened, clicked, and said no to push since. Not the rest that got the
-- winner later: who was in the test is drawn again from the hash, as plan_people.sql drew it.
-- Parameters: planned_on, dispatch_id, salt, tested (percent), since. Rows: one a variant.
-- At a million people: see README, "Figures". Relies on: the ledger's key, the receipts' key, consent_customer_at.
with person as (
    select delivery.customer_id, min(delivery.variant) as variant,
           coalesce(bool_or(receipt.opened), false) as opened, coalesce(bool_or(receipt.clicked), false) as clicked
    from deliveries_delivery delivery
    left join (
        select one.device_id, bool_or(one.type = 3) as opened, bool_or(one.type = 4) as clicked
        from deliveries_receipt one
        where one.planned_on = %(planned_on)s::date and one.dispatch_id = %(dispatch_id)s and one.type in (3, 4)
        group by one.device_id
    ) receipt on receipt.device_id = delivery.device_id
    where delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s
      and delivery.outcome in (1, 7) and delivery.variant >= 0
      and (hashtextextended(%(salt)s::text || ':' || delivery.customer_id, 0) & 4294967295) * 100.0::float8 / 4294967296
          < %(tested)s::float8
    group by delivery.customer_id
),
refused as (
    select distinct consent.customer_id
    from customers_consent consent
    where consent.channel = 'push' and consent.topic = '' and not consent.granted
      and consent.at >= %(since)s::timestamptz
)
select person.variant, count(*), count(*) filter (where person.opened), count(*) filter (where person.clicked),
       count(refused.customer_id)
from person
left join refused on refused.customer_id = person.customer_id
group by person.variant
order by person.variant
