"""Trials from the shell: `try_segment FILE ...`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.core.problems import InvalidInput
from apps.segments.rules.clauses import Clause
from apps.segments.services.trial_files import read_trial
from apps.segments.services.trials import Surprise, run_trial


class Command(BaseCommand):
    help = (
        "Runs rules against made-up people: these in, these out (services/trial_files.py has the form). Keeps nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [file for file in options["files"] if not self._holds(file)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(options['files'])} do not hold")

    def _holds(self, file: Path) -> bool:
        try:
            trial = read_trial(file.read_text(encoding="utf-8-sig"))
            surprises = run_trial(trial, now=timezone.now())
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        except InvalidInput as refusal:
            for problem in refusal.problems:
                self.stdout.write(f"{file}: {problem.pointer or '/'} {problem.code}: {problem.message}")
            return False
        for surprise in surprises:
            self.stdout.write("\n".join(surprise_lines(str(file), surprise)))
        if not surprises:
            self.stdout.write(f"{file}: {len(trial.inside)} in, {len(trial.outside)} out, as it says")
        return not surprises


def surprise_lines(file: str, surprise: Surprise) -> list[str]:
    """Who it is, and below it the rule clause by clause."""
    should, word = ("out", "in") if surprise.is_in else ("in", "out")
    return [f"{file}: {surprise.name} is {word} and should be {should}", *_clause_lines(surprise.clause, "    ")]


def _clause_lines(clause: Clause, indent: str) -> list[str]:
    fact = f" ({clause.fact})" if clause.fact else ""
    below = [line for child in clause.children for line in _clause_lines(child, indent + "    ")]
    return [f"{indent}{clause.verdict}: {clause.text}{fact}", *below]
