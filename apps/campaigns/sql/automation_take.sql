-- Takes watched events from the queue, in the order of their arrival, for this transaction to act on.
-- Parameters: most. Touches customers_eventarrival (deleted), automation_arrived. Returns the events taken.
-- Deleting is the cursor: what is not committed yet is not seen and stays, a killed worker's deletions are undone.
-- What came under the id of a row that was merged is its person's; the erased are nobody.
with taken as (
    delete from customers_eventarrival
    where event_id in (select event_id from customers_eventarrival order by event_id limit %(most)s)
    returning event_id, app_id, customer_id, name, occurred_at
),
kept as (
    insert into automation_arrived (event_id, app_id, customer_id, name, occurred_at)
    select taken.event_id, taken.app_id, coalesce(customer.merged_into_id, customer.id), taken.name, taken.occurred_at
    from taken
    join customers_customer customer on customer.id = taken.customer_id and customer.erased_at is null
)
select count(*) from taken
