"""Codes of classes are given once, also by those that list products at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from geocrop_processes.service import class_codes
from geocrop_processes.service.database import Database
from tests.backends import Backend


def test_classes_that_come_at_the_same_time_get_different_codes(backend: Backend) -> None:
    url = backend.address
    start = Barrier(6)

    def list_one(number: int) -> None:
        database = Database(url)
        stated = [{"value": 1, "title": f"crop {number}", "color_hint": "FFFFFF"}]
        item = {"assets": {"class-map": {"classification:classes": stated}}}
        start.wait(30)
        with database.write() as connection:
            class_codes.take_in(connection, item)
        database.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(list_one, range(6)))
    database = Database(url)
    with database.read() as connection:
        found = class_codes.all_classes(connection)
    database.close()
    assert [c.code for c in found] == [1, 2, 3, 4, 5, 6]
    assert {c.name for c in found} == {f"crop {n}" for n in range(6)}
