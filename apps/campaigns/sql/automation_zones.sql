-- The zones among the picked. Parameters: none. Rows: at most some 400.
select distinct picked.time_zone from automation_picked picked
