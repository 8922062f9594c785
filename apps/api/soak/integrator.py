"""Whoever runs the shop's own servers: makes webhooks, switches one off and on, and deletes one."""

import time
from random import Random
from threading import Event
from typing import Any

from apps.api.soak.client import Answered, Client
from apps.api.soak.journal import Journal, begin_ban, end_ban
from apps.api.soak.listener import Endpoint, Listener
from apps.api.soak.traffic import Actor
from apps.api.soak.world import World
from apps.api.webhooks.event_types import EVENT_TYPES

# Of what each is told.
KEPT, SWITCHED, DELETED = "kept", "switched", "deleted"
_TYPES = {
    KEPT: EVENT_TYPES,
    SWITCHED: ("delivery.accepted", "delivery.excluded", "receipt.opened"),
    DELETED: EVENT_TYPES,
}
_LONGEST_OFF = 8.0


class CannotBegin(Exception):
    """The API did not make an endpoint, before anything went wrong."""


class Integrator(Actor):
    """The endpoints are made at once, before anybody is sent to."""

    pause_seconds = 12.0

    def __init__(
        self,
        world: World,
        client: Client,
        journal: Journal,
        chance: Random,
        stopping: Event,
        *,
        listener: Listener,
    ) -> None:
        super().__init__(world, client, journal, chance, stopping)
        self._ids = {name: self._make(listener, name) for name in _TYPES}

    def act(self) -> None:
        if self.chance.random() < 0.15:
            self._delete()
        else:
            self._switch_off_and_on()

    def switch_on(self) -> None:
        """Once all is well again, so that what was held back is told."""
        self._set_state("active")
        self.client.close()

    def _make(self, listener: Listener, name: str) -> int:
        body = {"url": listener.url_of(name), "types": _TYPES[name], "description": name}
        answered = self.client.ask("POST", "/v2.1/webhooks", body)
        if answered is None or answered.status != 201:
            raise CannotBegin(f"webhook {name}: {answered}")
        listener.endpoints[name] = Endpoint(name, frozenset(_TYPES[name]), answered.body["secret"])
        return int(answered.body["id"])

    def _switch_off_and_on(self) -> None:
        answered = self._set_state("disabled")
        if answered is None:
            return
        begin_ban(self.journal.silent[SWITCHED], answered.answered_at, "switched off")
        time.sleep(self.chance.uniform(0, _LONGEST_OFF))
        end_ban(self.journal.silent[SWITCHED], time.time())
        self._set_state("active")
        self.journal.count("webhook switches")

    def _set_state(self, state: str) -> Answered | None:
        """None where nobody answered: then it may or may not be so."""
        answered = self._ask("PATCH", SWITCHED, {"state": state})
        # 409: an earlier try, whose answer was lost, has done it.
        if answered and answered.status != 200 and not (answered.status == 409 and answered.tries > 1):
            self.journal.accuse(f"webhook {SWITCHED} to {state} was answered {answered.status}: {answered.body}")
        return answered

    def _delete(self) -> None:
        if DELETED not in self._ids:
            return
        answered = self._ask("DELETE", DELETED)
        del self._ids[DELETED]
        if answered is None:
            return
        if answered.status != 204 and not (answered.status == 404 and answered.tries > 1):
            self.journal.accuse(f"deleting webhook {DELETED} was answered {answered.status}: {answered.body}")
        begin_ban(self.journal.silent[DELETED], answered.answered_at, "deleted")

    def _ask(self, method: str, name: str, body: Any = None) -> Answered | None:
        answered = self.client.ask(method, f"/v2.1/webhooks/{self._ids[name]}", body)
        if answered is not None:
            self.note(answered, f"webhook {name} {method} {body or ''}")
        return answered
