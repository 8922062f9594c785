"""Volumes that are full: nothing is accepted or sent that could not be stored, and room is all it takes to go on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import sleep

import pytest
from django.db import connection
from django.test import Client

from tests.factories import make_customer, make_device
from tests.factories.api import ApiCaller, codes_of, make_key
from tests.faults.cluster import Cluster
from tests.faults.house import House

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

MEGABYTE = 1024 * 1024


class Volume:
    """A file system with little room."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        options = f"size={megabytes}m,mode=777"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip("a small tmpfs cannot be mounted: run as root (in a container with --cap-add SYS_ADMIN)")

    def fill(self) -> None:
        """Take all the room that is left."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
            for size in (MEGABYTE, 4096):
                with suppress(OSError):
                    while ballast.write(b"\0" * size) == size:
                        pass
        assert os.statvfs(self.folder).f_bfree == 0

    def make_room(self) -> None:
        (self.folder / "ballast").unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def small_volume(cluster: Cluster) -> Iterator[Volume]:
    """The database in a tablespace of 100 MB; the server's own files elsewhere."""
    volume = Volume(cluster.home.root / "small", 100)
    try:
        place = volume.folder / "tablespace"
        place.mkdir(mode=0o700)
        cluster.own(place)
        connection.close()
        with cluster.connect("postgres") as session:
            session.execute(f"create tablespace small location '{place}'")
            session.execute("alter database heliograph set tablespace small")
        yield volume
    finally:
        cluster.end()
        volume.unmount()


def test_a_full_database_volume_stops_all_and_room_starts_all(small_volume: Volume, own_house: House) -> None:
    own_house.people(6000)
    own_house.sandbox.script("fcm", "slow", seconds=0.2)
    api = ApiCaller(make_key(own_house.app), Client(raise_request_exception=False))
    push = {"device_tokens": [make_device(make_customer(own_house.app)).address], "title": "Hello", "body": "News"}
    dispatch = own_house.launch(throttle_per_second=500)
    worker = own_house.start_worker()
    own_house.until(lambda: own_house.arrived() > 200, seconds=60, what="under way")

    small_volume.fill()
    answers = [api.post("/v2.1/push", push) for _ in range(100)]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in refused} == {(503, "30")}
    assert codes_of(refused[0]) == {"storage_full"}
    sleep(5)
    at_first = own_house.arrived()
    sleep(5)
    assert own_house.arrived() == at_first < 6000

    small_volume.make_room()
    own_house.until_done(dispatch, seconds=120)
    assert worker.poll() is None
    assert own_house.check() == 0
    assert own_house.outcomes()["accepted"] >= 6000
