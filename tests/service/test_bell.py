import pytest

from geocrop_processes.errors import BrokerUnavailable
from geocrop_processes.service.queue import Bell


def test_a_flood_of_submissions_is_no_flood_of_messages() -> None:
    sent: list[str] = []
    ring = Bell(lambda: sent.append("work"), every_s=3600)
    for _ in range(1000):
        ring()
    assert len(sent) == 64


def test_after_the_beat_has_looked_messages_are_sent_again() -> None:
    sent: list[str] = []
    ring = Bell(lambda: sent.append("work"), every_s=0)
    for _ in range(200):
        ring()
    assert len(sent) == 200


def test_a_message_that_could_not_be_sent_is_told_each_time() -> None:
    def refuse() -> None:
        raise BrokerUnavailable("The queue does not answer.")

    ring = Bell(refuse, every_s=3600)
    for _ in range(100):
        with pytest.raises(BrokerUnavailable):
            ring()
