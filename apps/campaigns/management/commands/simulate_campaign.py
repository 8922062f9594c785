"""The dry run from the shell: `simulate_campaign ID`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import NotReady, readiness_problems
from apps.campaigns.services.simulate import simulate_campaign
from apps.campaigns.waterfall import waterfall_lines


class Command(BaseCommand):
    help = "What launching a campaign now would do, by the real planner; nothing is sent or kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int, help="the campaign's id, as in the API and the admin's address")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = Campaign.objects.filter(pk=options["id"]).select_related("app").first()
        if campaign is None:
            raise CommandError(f"there is no campaign {options['id']}")
        now = timezone.now()
        for problem in readiness_problems(campaign, now):
            self.stdout.write(self.style.WARNING(f"{problem.pointer or '/'} {problem.code}: {problem.message}"))
        try:
            self.stdout.write("\n".join(waterfall_lines(simulate_campaign(campaign, now))))
        except NotReady:
            raise CommandError("there is no audience to plan") from None
