"""Words added to an import afterwards: what its people had been shown, where the file did not say."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.text import clean_text
from apps.customers.models import ImportRun, ImportWording
from apps.customers.services.imports import channels_unworded

LIMIT = 500


def add_wording(*, run: ImportRun, text: str, actor: User, now: datetime) -> ImportWording:
    """Write down what people saw; no answer is changed, and nobody is opted in by it. Audited.

    Raises InvalidInput (required, too_long, control_characters), Conflict("invalid_transition") for a run that is not
    over, or that came with words or without a yes.
    """
    problems: list[FieldProblem] = []
    clean = clean_text(text, pointer="/wording", limit=LIMIT, problems=problems, is_required=True)
    if clean is None:
        raise InvalidInput(problems)
    if run.started_at is None or run.finished_at is None or not channels_unworded(run):
        raise Conflict("invalid_transition", _("this import is not over, or has no answers without words"))
    with transaction.atomic():
        added = ImportWording.objects.create(run=run, text=clean, at=now, said_by=actor.get_username()[:150])
        subject, details = f"importrun:{run.pk}", {"file": run.file_name, "wording": clean}
        write_audit(app=run.app, actor=actor, action="importrun.worded", subject=subject, details=details, now=now)
    return added
