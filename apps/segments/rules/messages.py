"""Rules about what campaigns sent and what people did with it, answered by the engine's ledger and receipts.

Sent is what the gateway accepted. A receipt names a device; whose it was then, only the ledger knows. Both tables are
partitioned by the day of planning, so a rule with days reads only the weeks that can matter: what was planned longer
than LONGEST_ROAD before the window can no longer be sent in it, nor what had its last outcome before it, and what was
planned longer than LATEST_ANSWER before it counts as no longer answered.

The ledger keeps the id under which a message was planned. Where that row became part of another person since
(`Customer.merged_into`), what it was sent and what it answered is that person's.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apps.deliveries.rendering.field_rules import MOST_TTL_SECONDS
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES
from apps.segments.rules.catalogue import CAMPAIGN_KINDS
from apps.segments.rules.tree import MessageLeaf

LONGEST_ROAD = timedelta(seconds=MOST_TTL_SECONDS, days=2)
LATEST_ANSWER = timedelta(days=60)
# The clocks of two workers differ by less: one writes outcomes, another that the dispatch has its last.
CLOCKS_APART = timedelta(days=1)
# operator -> the receipt it is about.
ANSWERS = {
    "displayed": "displayed",
    "did_not_display": "displayed",
    "opened": "opened",
    "did_not_open": "opened",
    "clicked": "clicked",
    "did_not_click": "clicked",
}

Bind = Callable[[Any], str]
Only = Callable[[str], str]


def message_people(leaf: MessageLeaf, *, app_id: str, since: datetime | None, bind: Bind, only: Only) -> str:
    """The condition on customer.id. app_id: its placeholder; bind: value -> placeholder; only: Compiler.only_theirs."""
    operator, sent = leaf.operator.key, _sent(leaf, app_id, since, bind, only)
    if operator not in ANSWERS:
        return f"{'' if operator == 'was_sent' else 'not '}customer.id in ({_people(sent)})"
    answered = _answered(leaf, app_id, since, bind, only)
    if not operator.startswith("did_not"):
        return f"customer.id in ({_people(answered)})"
    # The one less the other before either is looked up among the people: both come in the order of their ids, and two
    # hashes of a million ids cost as much again ("did not open any": 1.0 s of processor for 300,000 people, so 0.6).
    return f"customer.id in ({_people(sent, once=False)} except {_people(answered, once=False)})"


def message_tally(leaf: MessageLeaf, *, app_id: str, since: datetime | None, bind: Bind, whose: str) -> str:
    """The figures of one person (`whose`: a further condition on their deliveries) as a sub-query of one JSON object.

    Messages count once, on however many devices. Index: deliveries_delivery_person, the receipts' key.
    """
    inside = "true" if since is None else f"{{moment}} >= {bind(since)}::timestamptz"
    sent = f"delivery.outcome = {OUTCOMES['accepted']}"
    counted = f"{sent} and {inside.format(moment='delivery.recorded_at')}"
    answered = inside.format(moment="receipt.at")
    answer = RECEIPT_TYPES[ANSWERS.get(leaf.operator.key, "opened")]
    return (
        "(select jsonb_build_object("
        f"'count', count(distinct delivery.dispatch_id) filter (where {counted}),"
        f" 'all_count', count(distinct delivery.dispatch_id) filter (where {sent}),"
        f" 'all_last_at', max(delivery.recorded_at) filter (where {sent}),"
        f" 'answered_count', count(distinct receipt.dispatch_id) filter (where {answered}),"
        " 'answered_at', max(receipt.at))"
        " from deliveries_delivery as delivery"
        " join deliveries_dispatch as dispatch on dispatch.id = delivery.dispatch_id"
        " left join deliveries_receipt as receipt on receipt.planned_on = delivery.planned_on"
        " and receipt.dispatch_id = delivery.dispatch_id and receipt.device_id = delivery.device_id"
        f" and receipt.type = {answer}"
        f" where {' and '.join(_launches(leaf, app_id, bind))}{whose})"
    )


def _sent(leaf: MessageLeaf, app_id: str, since: datetime | None, bind: Bind, only: Only) -> str:
    tests = [f"delivery.outcome = {OUTCOMES['accepted']}"]
    ended = ""
    if since is not None:
        tests += [f"delivery.recorded_at >= {bind(since)}::timestamptz"]
        tests += [f"delivery.planned_on >= {bind((since - LONGEST_ROAD).date())}::date"]
        over = f"dispatch.finished_at < {bind(since - CLOCKS_APART)}::timestamptz"
        ended = f" and {over} is not true"
    tests += _of_launches("delivery", leaf, app_id, bind, ended)
    return f"deliveries_delivery as delivery where {' and '.join(tests)}{only('delivery.customer_id')}"


def _answered(leaf: MessageLeaf, app_id: str, since: datetime | None, bind: Bind, only: Only) -> str:
    tests = [f"receipt.type = {RECEIPT_TYPES[ANSWERS[leaf.operator.key]]}"]
    for table in ("delivery", "receipt"):
        tests += _of_launches(table, leaf, app_id, bind)
        if since is not None:
            tests += [f"{table}.planned_on >= {bind((since - LATEST_ANSWER).date())}::date"]
    if since is not None:
        tests += [f"receipt.at >= {bind(since)}::timestamptz"]
    return (
        "deliveries_receipt as receipt"
        " join deliveries_delivery as delivery on delivery.planned_on = receipt.planned_on"
        " and delivery.dispatch_id = receipt.dispatch_id and delivery.device_id = receipt.device_id"
        f" where {' and '.join(tests)}{only('delivery.customer_id')}"
    )


def _people(deliveries: str, *, once: bool = True) -> str:
    """Whose these deliveries are now. once: each id is taken once before its person is looked up, for there are many
    messages, few of them to rows that were merged since, and those rows are found by an index of their own."""
    return (
        "select coalesce(half.merged_into_id, addressed.customer_id)"
        f" from (select {'distinct ' if once else ''}delivery.customer_id from {deliveries}) as addressed"
        " left join customers_customer as half"
        " on half.id = addressed.customer_id and half.merged_into_id is not null"
    )


def _of_launches(table: str, leaf: MessageLeaf, app_id: str, bind: Bind, more: str = "") -> list[str]:
    """Conditions for rows of the dispatches. As arrays, because those are known before the tables are opened: then
    only the weeks of these dispatches are read (joined, one campaign of three cost 1.8 s, so 0.5 s).
    more: conditions for the dispatches."""
    launches = f"from deliveries_dispatch as dispatch where {' and '.join(_launches(leaf, app_id, bind))}{more}"
    return [
        f"{table}.planned_on = any (array(select distinct dispatch.planned_on {launches}))",
        f"{table}.dispatch_id = any (array(select dispatch.id {launches}))",
    ]


def _launches(leaf: MessageLeaf, app_id: str, bind: Bind) -> list[str]:
    """Conditions for the dispatches. Index: dispatch_of_campaign, whose words must stand here literally."""
    kinds = ", ".join(f"'{kind}'" for kind in CAMPAIGN_KINDS)
    tests = [f"dispatch.app_id = {app_id}", f"dispatch.kind in ({kinds})"]
    return tests + ([f"dispatch.origin = {bind(leaf.campaign)}"] if leaf.campaign else [])
