-- Whose habit may be another since the last run: who opened something, whose openings left the window, whose clock moved.
-- Parameters: learnt (receipts stored after), since_then and since (the window's beginning then and now), expired_since (a
-- day; prunes partitions), most. Rows: customer ids, at most `most`. Relies on: deliveries_receipt_time (BRIN), partitions.
-- Cost: see README, bench habits.
select candidate.customer_id
from (
    select device.customer_id
    from (
        select receipt.device_id
        from deliveries_receipt receipt
        where receipt.type = 3 and receipt.received_at >= %(learnt)s::timestamptz
        union
        select receipt.device_id
        from deliveries_receipt receipt
        where receipt.type = 3 and receipt.at >= %(since_then)s::timestamptz and receipt.at < %(since)s::timestamptz
          and receipt.planned_on >= %(expired_since)s::date
          and receipt.planned_on <= (%(since)s::timestamptz)::date + 1
    ) opened
    join devices_device device on device.id = opened.device_id
    union
    select habit.customer_id
    from deliveries_openinghour habit
    join customers_customer customer on customer.id = habit.customer_id
    where customer.updated_at >= %(learnt)s::timestamptz
) candidate
limit %(most)s::int
