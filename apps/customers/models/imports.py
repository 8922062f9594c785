"""Files of people: an upload, its pieces, and the lines of it that somebody has to be told of."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.fields import EncryptedJSONField
from apps.core.file_sealing import FileKey
from apps.customers.states import IMPORT_STATES


class ImportRun(models.Model):
    """One upload of people: the file, what its columns mean, and how far the work has come.

    The cursor (position in bytes, line) moves in the transaction that stores the lines before it, so a killed worker
    loses and doubles nothing; whoever holds the lease under the newest fence moves it. encoding and delimiter: as
    detected, or as a person corrected them. columns: one object a column of the file, see services.import_columns.
    file_key: what the file and its told lines are sealed with; None = of a version before, so plain, or forgotten.
    """

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    file_name = models.CharField(_("file"), max_length=255)
    state = models.CharField(_("state"), max_length=16, choices=IMPORT_STATES.choices, default="waiting")
    failure = models.CharField(max_length=300, blank=True, default="", db_default="")
    size_bytes = models.BigIntegerField(default=0, db_default=0)
    encoding = models.CharField(max_length=20, default="utf-8", db_default="utf-8")
    delimiter = models.CharField(max_length=1, default=",", db_default=",")
    header = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    columns = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    consent_wording = models.CharField(max_length=500, blank=True, default="", db_default="")
    empties_clear = models.BooleanField(default=False, db_default=False)
    destination = models.CharField(max_length=60, blank=True, default="", db_default="", help_text=_("import_extras"))
    position = models.BigIntegerField(default=0, db_default=0)
    line = models.PositiveIntegerField(default=0, db_default=0)
    total_count = models.PositiveIntegerField(default=0, help_text=_("lines of the file, counted at the upload"))
    stored_count = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0, db_default=0)
    updated_count = models.PositiveIntegerField(default=0, db_default=0)
    refused_count = models.PositiveIntegerField(default=0)
    warned_count = models.PositiveIntegerField(default=0, db_default=0, help_text=_("of the lines stored"))
    fence = models.PositiveIntegerField(default=0, db_default=0)
    leased_until = models.DateTimeField(null=True)
    uploaded_at = models.DateTimeField(_("uploaded"), null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    created_by = models.CharField(_("by"), max_length=150)
    file_key = EncryptedJSONField(default=None, db_default=models.Value("", models.TextField()), editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [IMPORT_STATES.constraint("import_run")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def key(self) -> FileKey | None:
        """What opens the file and its told lines; None where they lie plain."""
        return FileKey(self.file_key) if self.file_key else None


class ImportPart(models.Model):
    """A piece of an uploaded file. In the database, because web server and worker may stand on different machines.

    Gone once the import is over. body: of a file that a version before took in; sealed: of any other, in its stead.
    """

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    body = models.BinaryField(default=b"")
    sealed = models.BinaryField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "number"], name="import_part_once")]


class ImportLine(models.Model):
    """A line to be told of, with every reason: [{"column", "code", "message"}].

    is_stored: not refused; its person was stored, but not all that it says. sealed: what it says, see `told_lines`.
    marks: by which an erasure finds it. Lines of before lie plain: cells, and in each reason "came"; sealed is None.
    """

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="refused_lines", db_index=False)
    line = models.PositiveIntegerField()
    cells = ArrayField(models.TextField(), default=list)
    problems = models.JSONField()
    sealed = models.BinaryField(null=True)
    marks = ArrayField(models.BigIntegerField(), null=True)
    is_stored = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["run", "line"], name="import_line_in_order")]


class ImportWording(models.Model):
    """What staff said, after an import, that its people had been shown: for each yes that came without words.

    Append-only, the newest counts: the answers stay as they came, and beside them stands who said this when.
    """

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="wordings")
    text = models.CharField(_("wording"), max_length=500)
    at = models.DateTimeField(_("said at"))
    said_by = models.CharField(_("by"), max_length=150)

    class Meta:
        verbose_name = _("wording of an import")
        verbose_name_plural = _("wordings of imports")
        ordering: ClassVar = ["-id"]
