"""The inbox is bounded, keeps the order, and lets nobody wait for ever."""

from __future__ import annotations

import threading

from bridge.core.events import BrokerDown
from bridge.inbox import Inbox
from tests.brokers import wait_until


def test_events_come_out_in_order_and_all_at_once() -> None:
    inbox = Inbox()
    for number in range(5):
        inbox.put(BrokerDown(str(number)))
    assert [event.text for event in inbox.take(0) if isinstance(event, BrokerDown)] == list("01234")
    assert not inbox.take(0)


def test_a_full_inbox_refuses_an_offer_and_makes_a_put_wait() -> None:
    inbox = Inbox(capacity=2, reserve=0)
    assert inbox.offer(BrokerDown("a"))
    assert inbox.offer(BrokerDown("b"))
    assert not inbox.offer(BrokerDown("c"))
    done = threading.Event()

    def put() -> None:
        inbox.put(BrokerDown("d"))
        done.set()

    thread = threading.Thread(target=put)
    thread.start()
    assert not done.wait(0.05)
    assert len(inbox.take(0)) == 2
    assert done.wait(5)
    thread.join(5)
    assert len(inbox) == 1


def test_a_push_never_waits_and_keeps_the_order() -> None:
    inbox = Inbox(capacity=2, reserve=0)
    for text in "abcd":
        inbox.push(BrokerDown(text))
    assert [event.text for event in inbox.take(0) if isinstance(event, BrokerDown)] == list("abcd")
    inbox.close()
    inbox.push(BrokerDown("e"))
    assert not inbox.take(0)


def test_closing_wakes_everybody_and_what_is_there_can_still_be_taken() -> None:
    inbox = Inbox(capacity=1)
    inbox.put(BrokerDown("a"))
    thread = threading.Thread(target=inbox.put, args=(BrokerDown("b"),))
    thread.start()
    inbox.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(inbox.take(10)) == 1
    assert not inbox.take(10)


def test_a_waiting_reader_is_woken_by_an_event() -> None:
    inbox = Inbox()
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.append(len(inbox.take(10))))
    thread.start()
    wait_until(lambda: inbox._reading)
    inbox.put(BrokerDown("a"))
    thread.join(5)
    assert taken == [1]


def test_who_cannot_wait_finds_room_where_others_wait() -> None:
    inbox = Inbox(capacity=1, reserve=1)
    inbox.put(BrokerDown("a"))
    assert inbox.offer(BrokerDown("b"))
    assert not inbox.offer(BrokerDown("c"))
    inbox.close()
    assert not inbox.offer(BrokerDown("d"))
