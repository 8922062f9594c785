-- What dispatches say: a row a content, one without a content where a dispatch has none. Parameters: dispatch_ids.
-- body and facts are encrypted. Relies on: primary keys, content_once. Tried and lost: two queries of the ORM
-- (0.9 ms of Python more for a push of one).
select dispatch.id, dispatch.planned_on, dispatch.kind, dispatch.policy::text, app.default_language,
       content.variant, content.language, content.body, content.facts
from deliveries_dispatch dispatch
join accounts_app app on app.id = dispatch.app_id
left join deliveries_content content on content.dispatch_id = dispatch.id
where dispatch.id = any (%(dispatch_ids)s::bigint[])
order by dispatch.id, content.variant, content.language
