-- The zones among the devices to be sent to. Parameters: none. Rows: at most some 400.
select distinct device.time_zone from plan_device device where device.reason = 0
