-- Freezes the audience: each customer once.
-- Parameters: those of the audience alone, so that none can clash. Rows: the audience.
insert into plan_audience (customer_id)
select distinct audience.customer_id from {{audience}} audience
