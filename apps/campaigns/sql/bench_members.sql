-- Benchmark: every so many of an app's people are members of a list. Parameters: segment_id, app_id, every, now.
insert into segments_segmentmember (segment_id, customer_id, joined_at)
select %(segment_id)s::bigint, person.id, %(now)s::timestamptz
from (
    select customer.id, row_number() over (order by customer.id) as place
    from customers_customer customer
    where customer.app_id = %(app_id)s::bigint
) person
where person.place %% %(every)s::bigint = 0
