"""Explanation: why one person is, or is not, whom a rule means."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.segments.rules import load_catalogue
from apps.segments.rules.clauses import Case, Clause, clause_of
from apps.segments.rules.evidence import findings_of, person_of
from apps.segments.rules.read import read_rule


def explain_member(*, rule: Any, app: App, customer: Customer, now: datetime, reveals: bool = False) -> Clause:
    """The rule clause by clause, with what was found about this person and what would have to change.

    The root holds exactly where the rule's own query selects the person. reveals: show e-mails and phones in full.
    Raises InvalidInput where the rule does not hold (any more). Cost: six to seven queries by index.
    """
    catalogue = load_catalogue(app)
    root = read_rule(rule, catalogue)
    if customer.app_id != app.pk:
        return Clause(_("belongs to this app"), "no", _("belongs to another app"))
    if customer.erased_at is not None:
        return Clause(_("is still known"), "no", _("was erased: nothing is known of this person"))
    person = person_of(customer, root)
    findings = findings_of(person, root, app=app, now=now)
    return clause_of(root, Case(person, findings, catalogue, app.time_zone, reveals))
