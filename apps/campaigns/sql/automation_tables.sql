-- The workbench of automations: temporary tables that end with their transaction. Arrived: watched events taken from the
-- queue. Candidate: who may enter, what brought them, and what their texts may say of it. Picked: the runs that are due
-- at one step. Taken: the runs it took on.
drop table if exists pg_temp.automation_arrived, pg_temp.automation_candidate, pg_temp.automation_picked,
    pg_temp.automation_taken;
create temporary table automation_arrived (
    event_id bigint not null,
    app_id bigint not null,
    customer_id bigint not null,
    name text not null,
    occurred_at timestamptz
) on commit drop;
create temporary table automation_candidate (
    automation_id bigint not null,
    customer_id bigint not null,
    source_id bigint not null,
    facts jsonb
) on commit drop;
create temporary table automation_picked (
    run_id bigint not null,
    customer_id bigint not null,
    time_zone text not null,
    matches boolean not null default true
) on commit drop;
create temporary table automation_taken (run_id bigint not null, customer_id bigint not null) on commit drop;
