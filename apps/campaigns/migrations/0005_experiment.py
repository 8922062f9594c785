"""A/B/n tests: how much of the audience, what wins, when, and what where nothing does; the hold-out and its goal."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_templates_and_archive")]
    operations = [
        migrations.AddField(
            "campaign",
            "test_percent",
            models.PositiveSmallIntegerField(
                db_default=100, default=100, verbose_name="part of the audience in the test (%)"
            ),
        ),
        migrations.AddField(
            "campaign",
            "holdout_percent",
            models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name="hold-out (%)"),
        ),
        migrations.AddField(
            "campaign",
            "goal_event",
            models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="goal"),
        ),
        migrations.AddField(
            "campaign",
            "winner_by",
            models.CharField(
                choices=[("opened", "opens"), ("clicked", "clicks")],
                db_default="opened",
                default="opened",
                max_length=7,
                verbose_name="winner by",
            ),
        ),
        migrations.AddField(
            "campaign",
            "decides",
            models.CharField(
                choices=[("auto", "by itself"), ("hand", "by hand")],
                db_default="auto",
                default="auto",
                max_length=4,
                verbose_name="decided",
            ),
        ),
        migrations.AddField(
            "campaign",
            "decide_after_hours",
            models.PositiveSmallIntegerField(db_default=4, default=4, verbose_name="decided after (hours)"),
        ),
        migrations.AddField(
            "campaign",
            "fallback",
            models.SmallIntegerField(db_default=0, default=0, verbose_name="where there is no difference"),
        ),
        migrations.AddField(
            "campaign",
            "decided_how",
            models.CharField(
                blank=True,
                choices=[
                    ("winner", "winner"),
                    ("guarded", "guarded"),
                    ("no_difference", "no_difference"),
                    ("too_few", "too_few"),
                    ("hand", "hand"),
                ],
                db_default="",
                default="",
                max_length=13,
            ),
        ),
    ]
