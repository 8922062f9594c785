"""What a list says while it is empty: what it is for, and where the first step is.

Use: `first_step = FirstStep(icon, title, says, words of the button, name of its address, permission)` on an admin page.
Without a page, or for somebody without the permission, the words stand alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.urls import reverse

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

type Words = str | _StrPromise


@dataclass(frozen=True, slots=True)
class FirstStep:
    """`does` are the words of the button that opens `page` (a name of an address), for whoever has `permission`."""

    icon: str
    title: Words
    says: Words
    does: Words = ""
    page: str = ""
    permission: str = ""

    def address_for(self, request: HttpRequest) -> str:
        """Empty where there is nothing to press."""
        may = bool(self.page) and request.user.has_perm(self.permission)  # type: ignore[union-attr]
        return reverse(self.page) if may else ""
