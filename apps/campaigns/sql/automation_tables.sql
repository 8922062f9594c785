-- The workbench of automations: temporary tables that end with their transaction. Arrived: watched events taken from the
-- queue. Candidate: who may enter, and what brought them. Picked: the runs that are due at one step. Taken: whom it took.
drop table if exists pg_temp.automation_arrived, pg_temp.automation_candidate, pg_temp.automation_picked,
    pg_temp.automation_taken;
create temporary table automation_arrived (
    event_id bigint not null,
    app_id bigint not null,
    customer_id bigint not null,
    name text not null
) on commit drop;
create temporary table automation_candidate (
    automation_id bigint not null,
    customer_id bigint not null,
    source_id bigint not null
) on commit drop;
create temporary table automation_picked (
    run_id bigint not null,
    customer_id bigint not null,
    time_zone text not null,
    matches boolean not null default true
) on commit drop;
create temporary table automation_taken (customer_id bigint not null) on commit drop;
