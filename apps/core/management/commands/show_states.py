"""`show_states`: the state tables of every app, as they stand in the code."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.core.state_tables import state_tables


class Command(BaseCommand):
    help = "Print every state table: the words, what they mean, and who may follow whom."

    def handle(self, *args: Any, **options: Any) -> None:
        for app, table in state_tables():
            self.stdout.write(f"\n{app}: {table.noun}\n\n{table.as_markdown()}")
