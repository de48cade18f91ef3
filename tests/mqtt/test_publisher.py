"""The window, the pace and what becomes of unacknowledged publications."""

from __future__ import annotations

from typing import cast

import pytest

from bridge.core.effects import Lane, Publish
from bridge.mqtt.connection import Connection
from bridge.mqtt.guard import STRIKES
from bridge.mqtt.outbox import Outbox
from bridge.mqtt.publisher import Pace, Publisher


class Line:
    """Stands in for a connection: notes what is written, acknowledges nothing by itself."""

    def __init__(self) -> None:
        self.want_write = False
        self.max_packet: int | None = None
        self.receive_maximum = 65_535
        self.sent: list[Publish] = []

    def publish(self, publish: Publish, _payload: bytes) -> tuple[int, bool]:
        self.sent.append(publish)
        return len(self.sent), publish.qos > 0


class Desk:
    """A publisher with a line that a test can change, and a clock to turn."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.now = 0.0
        self.outbox = Outbox(clock=lambda: self.now)
        self.publisher = Publisher(self.outbox, pace or Pace(), lambda: self.now)
        self.line = Line()

    def attach(self) -> None:
        self.line = Line()
        self.publisher.attach(cast(Connection, self.line))

    def work(self) -> float:
        """Work as long as there is something to do at once."""
        wait = 0.0
        while wait == 0.0:
            wait = self.publisher.work(cast(Connection, self.line))
        return wait

    def acknowledge(self, *numbers: int) -> None:
        for number in numbers:
            self.publisher.acknowledge(number, None)

    @property
    def sent(self) -> list[str]:
        return [f"{each.topic}={each.payload}" for each in self.line.sent]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.attach()
    return made


def values(count: int, payload: str = "x", lane: Lane = Lane.STATE) -> list[Publish]:
    return [Publish(str(number), payload, lane=lane) for number in range(count)]


def test_the_window_is_kept_and_moves_with_acknowledgements(desk: Desk) -> None:
    desk.outbox.put_all(values(50))
    desk.work()
    assert len(desk.sent) == 20
    desk.acknowledge(1, 2, 3)
    desk.work()
    assert len(desk.sent) == 23
    assert not desk.publisher.idle


def test_the_brokers_smaller_window_counts() -> None:
    desk = Desk()
    desk.line.receive_maximum = 5
    desk.publisher.attach(cast(Connection, desk.line))
    desk.outbox.put_all(values(50))
    desk.work()
    assert len(desk.sent) == 5


def test_qos_0_needs_no_acknowledgement_but_a_socket_that_takes_it(desk: Desk) -> None:
    desk.outbox.put_all([Publish(str(number), "x", qos=0) for number in range(50)])
    desk.line.want_write = True
    desk.work()
    assert desk.sent == []
    desk.line.want_write = False
    desk.work()
    assert len(desk.sent) == 50
    assert desk.publisher.idle


def test_the_refill_waits_for_the_engine_then_keeps_its_pace() -> None:
    desk = Desk(Pace(window=1_000, refill_burst=10, refill_rate=100.0, refill_wait=1.0))
    desk.outbox.put_all(values(30, "waited"))
    desk.attach()
    desk.work()
    assert desk.sent == [], "what waited during the outage is not sent before the refill"
    desk.publisher.announced()
    assert desk.work() == pytest.approx(1.0)
    desk.outbox.put_all(values(30, "refill", Lane.REFILL))
    desk.work()
    assert len(desk.sent) == 10
    desk.now += 0.1
    desk.work()
    assert len(desk.sent) == 20
    desk.outbox.put(Publish("live", "now"))
    desk.work()
    assert desk.sent[-1] == "live=now"
    desk.now += 10
    desk.work()
    assert len(desk.sent) == 31
    assert all(each.endswith("=refill") for each in desk.sent[:20])


def test_the_refill_does_not_repeat_what_was_sent_since_the_connect(desk: Desk) -> None:
    desk.outbox.put_all([Publish("a", "1"), Publish("b", "1")])
    desk.work()
    desk.publisher.announced()
    refill = [Publish(topic, "1", lane=Lane.REFILL) for topic in "abc"]
    desk.outbox.put_all([*refill, Publish("b", "2", lane=Lane.REFILL)])
    desk.work()
    assert desk.sent == ["a=1", "b=1", "b=2", "c=1"]


def test_a_refill_in_portions_does_not_repeat_what_was_sent_either(desk: Desk) -> None:
    desk.outbox.put_all([Publish(topic, "1") for topic in "abc"])
    desk.work()
    for topics in ("ad", "be", "cf"):
        desk.outbox.put_all([Publish(topic, "1", lane=Lane.REFILL) for topic in topics])
        desk.work()
    assert desk.sent == ["a=1", "b=1", "c=1", "d=1", "e=1", "f=1"]


def test_a_value_that_comes_back_is_sent_although_it_was_sent_before(desk: Desk) -> None:
    desk.outbox.put(Publish("a", "1"))
    desk.work()
    desk.outbox.put(Publish("b", "1", lane=Lane.REFILL))
    desk.work()
    desk.outbox.put(Publish("a", "2"))
    desk.work()
    desk.outbox.put(Publish("a", "1", lane=Lane.REFILL))
    desk.work()
    assert desk.sent == ["a=1", "b=1", "a=2", "a=1"]


def test_a_later_refill_repeats_everything(desk: Desk) -> None:
    desk.outbox.put(Publish("a", "1"))
    desk.work()
    refill = Publish("a", "1", lane=Lane.REFILL)
    desk.outbox.put(refill)
    desk.work()
    assert desk.sent == ["a=1"]
    desk.outbox.put(refill)
    desk.work()
    assert desk.sent == ["a=1", "a=1"]
    desk.attach()
    desk.outbox.put(refill)
    desk.work()
    assert desk.sent == ["a=1"]


def test_without_a_refill_of_the_engine_it_starts_after_a_while() -> None:
    desk = Desk()
    desk.outbox.put_all(values(3, "waited"))
    desk.attach()
    desk.publisher.announced()
    desk.now += 1.0
    desk.work()
    assert len(desk.sent) == 3


def test_what_was_not_acknowledged_is_sent_again_unless_there_is_newer(desk: Desk) -> None:
    desk.outbox.put_all([*values(3, "old"), Publish("e", "press", lane=Lane.EVENT)])
    desk.work()
    desk.acknowledge(1)
    desk.now += 5
    desk.publisher.detach()
    desk.outbox.put(Publish("2", "new"))
    assert len(desk.outbox) == 2
    desk.attach()
    desk.publisher.announced()
    desk.now += 5
    desk.work()
    assert sorted(desk.sent) == ["1=old", "2=new"]


def test_the_newest_of_two_unacknowledged_values_is_sent_again(desk: Desk) -> None:
    for payload in ("1", "2"):
        desk.outbox.put(Publish("a", payload))
        desk.work()
    desk.publisher.detach()
    assert desk.outbox.take_refill(10) == [Publish("a", "2")]


def test_an_older_value_is_not_sent_again_after_a_newer_one_was_acknowledged(desk: Desk) -> None:
    for payload in ("1", "2"):
        desk.outbox.put(Publish("a", payload))
        desk.work()
        desk.now += 0.001
    desk.acknowledge(2)
    desk.publisher.detach()
    assert len(desk.outbox) == 0


def test_the_debt_of_the_broker_is_known(desk: Desk) -> None:
    assert desk.publisher.oldest(desk.now) == 0
    desk.outbox.put_all(values(2))
    desk.work()
    desk.now += 7
    assert desk.publisher.oldest(desk.now) == 7
    desk.acknowledge(1, 2)
    assert desk.publisher.oldest(desk.now) == 0


def test_what_the_broker_refuses_is_counted(desk: Desk) -> None:
    desk.outbox.put_all(values(1))
    desk.work()
    desk.publisher.acknowledge(1, "Not authorized")
    desk.publisher.acknowledge(99, "never sent")
    assert desk.publisher.refusals.count == 1


def _hang_up(desk: Desk) -> None:
    desk.publisher.detach()
    desk.attach()
    desk.publisher.announced()
    desk.outbox.put(Publish("first", "x", lane=Lane.REFILL))


def test_suspects_are_sent_alone_and_after_the_others(desk: Desk) -> None:
    desk.outbox.put_all([Publish("good", "x"), Publish("poison", "x")])
    desk.work()
    _hang_up(desk)
    desk.work()
    assert desk.sent == ["first=x"]
    desk.acknowledge(1)
    desk.work()
    assert desk.sent == ["first=x", "good=x"]
    desk.outbox.put(Publish("poison", "newer"))
    desk.work()
    assert desk.sent == ["first=x", "good=x"]
    desk.acknowledge(2)
    desk.work()
    assert desk.sent[2:] == ["poison=newer"]
    for _ in range(STRIKES):
        _hang_up(desk)
        desk.work()
        desk.acknowledge(1)
        desk.work()
    assert desk.sent == ["first=x"], "barred by now"
    assert desk.publisher.refusals.count == 1
    desk.outbox.put_all([Publish("poison", "newest"), Publish("other", "x")])
    desk.work()
    assert desk.sent == ["first=x", "other=x"]
    desk.now += 3_600
    desk.work()
    desk.acknowledge(2)
    desk.now += 5
    desk.work()
    assert desk.sent[2:] == ["poison=newest"]


def test_suspects_do_not_wait_for_ever_behind_a_busy_outbox(desk: Desk) -> None:
    desk.outbox.put(Publish("suspect", "x"))
    desk.work()
    _hang_up(desk)
    for number in range(100):
        desk.outbox.put_all(values(5, str(number)))
        desk.work()
        desk.acknowledge(*range(1, len(desk.sent) + 1))
        desk.now += 0.05
    assert "suspect=x" in desk.sent


def test_only_what_is_urgent_goes_out_at_the_end(desk: Desk) -> None:
    desk.outbox.put_all([Publish("r", "x", lane=Lane.REFILL), Publish("s", "x")])
    desk.publisher.refilling = False
    desk.work()
    assert desk.sent == ["s=x"]
    assert desk.publisher.send_last(cast(Connection, desk.line), Publish("bye", "x"))
    assert desk.sent == ["s=x", "bye=x"]


def test_the_last_word_does_not_break_the_brokers_window(desk: Desk) -> None:
    desk.outbox.put_all(values(20))
    desk.work()
    assert not desk.publisher.send_last(cast(Connection, desk.line), Publish("bye", "x"))


# Receipts


def asked(receipt: str, payload: str = "x", lane: Lane = Lane.STATE) -> Publish:
    return Publish("topic", payload, lane=lane, receipt=receipt)


def test_a_receipt_comes_when_the_broker_has_it(desk: Desk) -> None:
    desk.outbox.put_all([asked("one"), Publish("other", "y")])
    desk.work()
    assert not desk.publisher.receipts
    desk.acknowledge(1, 2)
    assert list(desk.publisher.receipts) == ["one"]


def test_no_receipt_for_what_the_broker_refused(desk: Desk) -> None:
    desk.outbox.put(asked("one"))
    desk.work()
    desk.publisher.acknowledge(1, "not authorized")
    assert not desk.publisher.receipts


def test_no_receipt_for_what_a_newer_value_replaced(desk: Desk) -> None:
    desk.outbox.put(asked("one"))
    desk.outbox.put(asked("two", "y"))
    desk.work()
    desk.acknowledge(1)
    assert list(desk.publisher.receipts) == ["two"]


def test_a_receipt_of_a_lost_connection_comes_after_the_next(desk: Desk) -> None:
    desk.outbox.put(asked("one"))
    desk.work()
    desk.publisher.detach()
    desk.attach()
    desk.publisher.announced()
    desk.now += 2
    desk.work()
    desk.acknowledge(1)
    assert list(desk.publisher.receipts) == ["one"]


def test_a_refill_with_a_receipt_is_sent_even_if_it_is_nothing_new(desk: Desk) -> None:
    desk.outbox.put(asked("one"))
    desk.work()
    desk.outbox.put(asked("two", lane=Lane.REFILL))
    desk.work()
    desk.acknowledge(1, 2)
    assert list(desk.publisher.receipts) == ["one", "two"]


def test_what_was_let_go_is_not_sent_again(desk: Desk) -> None:
    press = Publish("0", "press", lane=Lane.EVENT)
    desk.outbox.put_all([*values(3), press])
    desk.work()
    desk.outbox.let_go({"0", "1"})
    desk.publisher.detach()
    desk.attach()
    desk.outbox.put_all(values(1, "ours again"))
    desk.publisher.announced()
    desk.now = 10.0
    desk.work()
    desk.acknowledge(1)
    desk.work()
    assert desk.sent == ["0=ours again", "2=x"]


def test_a_suspect_that_was_let_go_is_not_sent(desk: Desk) -> None:
    desk.outbox.put_all(values(2))
    desk.work()
    desk.publisher.detach()
    desk.attach()
    desk.outbox.put_all(values(2, "suspect"))
    desk.work()
    desk.outbox.let_go({"0", "1"})
    desk.acknowledge(*range(1, len(desk.sent) + 1))
    desk.now = 10.0
    desk.work()
    assert "1=suspect" not in desk.sent
