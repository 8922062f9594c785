-- Plans one SMS with the same text for every person who did not open; above `most` they are counted as over_budget.
-- Parameters: rule_id, app_id, sms_dispatch_id, most, body, parts, now; those of unopened.sql.
-- Rows: one a person. States: (none) -> planned | over_budget.
insert into sms_booster_smsmessage (
    rule_id, customer_id, app_id, dispatch_id, phone, body, parts, state, code, provider_id, planned_at, due_at
)
select %(rule_id)s, person.customer_id, %(app_id)s, %(sms_dispatch_id)s, person.phone,
       case when person.place <= %(most)s then %(body)s else '' end,
       case when person.place <= %(most)s then %(parts)s else 0 end,
       case when person.place <= %(most)s then 'planned' else 'over_budget' end,
       '', '', %(now)s, %(now)s
from (
    select unopened.*, row_number() over (order by unopened.customer_id) as place
    from {{unopened}} unopened
) person
on conflict do nothing
