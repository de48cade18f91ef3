"""The Integrator API: one connection for each host, for as long as it is needed, and no other."""

from __future__ import annotations

import logging
import time

import pytest

from bridge.core.events import LinkChanged, LinkRemoved, RefreshAnswered
from bridge.core.model import LinkId, LinkState
from bridge.simulator.faults import TokenAnswer
from bridge.simulator.world import World
from tests.brokers import wait_until
from tests.sources.cloud_driver import id_of
from tests.sources.contract import SourceContract
from tests.sources.integrator_driver import HOSTS, IntegratorDriver, Maker


class TestIntegratorContract(SourceContract):
    """All that holds for every source."""


def states(driver: IntegratorDriver, link: str) -> list[str]:
    return [event.state for event in driver.recorder.of(LinkChanged) if event.link == link]


def connected(driver: IntegratorDriver, link: str, count: int = 1) -> None:
    driver.recorder.wait(
        LinkChanged,
        lambda event: event.link == link and event.state is LinkState.CONNECTED,
        count=count,
    )


# Which hosts are connected


def test_hosts_of_the_configuration_are_connected_without_any_device(make: Maker) -> None:
    driver = make(configured=HOSTS)
    driver.source.start()
    for host in HOSTS:
        connected(driver, host)
        assert driver.source.serves(LinkId(host))


def test_a_grant_opens_its_host_at_once_and_only_that(driver: IntegratorDriver) -> None:
    driver.source.start()
    assert driver.looked_up == []
    driver.adopt(driver.lamp)
    connected(driver, HOSTS[0])
    assert set(driver.looked_up) == {"localhost", HOSTS[0]}
    assert not driver.source.serves(LinkId(HOSTS[1]))


def test_a_grant_on_an_open_host_is_asked_about_without_a_new_connection(
    driver: IntegratorDriver,
) -> None:
    driver.up()
    newcomer = driver.world.add_device("SHSW-PM")
    driver.adopt(newcomer)
    assert driver.answer_about(id_of(newcomer), 1) == "ok"
    assert driver.opened() == 1


def test_the_last_release_closes_the_host(driver: IntegratorDriver) -> None:
    driver.up()
    driver.source.release(driver.sleeper)
    assert driver.source.serves(driver.link)
    driver.source.release(driver.device)
    driver.source.release(driver.device)
    assert not driver.source.serves(driver.link)
    assert driver.recorder.wait(LinkRemoved).link == driver.link
    wait_until(lambda: driver.host.counters.open_now == 0)
    wait_until(lambda: not driver.leftovers())


def test_the_last_release_leaves_a_configured_host_open(make: Maker) -> None:
    driver = make(configured=HOSTS[:1])
    driver.up()
    for device in (driver.device, driver.sleeper):
        driver.source.release(device)
    assert driver.source.serves(driver.link)
    driver.adopt(driver.lamp)
    assert driver.answer_about(driver.device, 2) == "ok"
    assert driver.opened() == 1


def test_a_host_that_is_wanted_again_at_once_is_never_connected_twice(
    driver: IntegratorDriver,
) -> None:
    driver.up()
    for number in range(2, 6):
        for device in (driver.device, driver.sleeper):
            driver.source.release(device)
        driver.begin()
        connected(driver, driver.link, number)
    counters = driver.host.counters
    assert (counters.most_open, counters.overlaps) == (1, 0)
    kinds = [
        type(event).__name__ if isinstance(event, LinkRemoved) else event.state.value
        for event in driver.recorder.events
        if isinstance(event, LinkChanged | LinkRemoved)
    ]
    assert kinds[:5] == ["connecting", "connected", "LinkRemoved", "connecting", "connected"]


def test_a_host_that_is_wanted_again_while_it_cannot_be_reached(driver: IntegratorDriver) -> None:
    driver.mute(True)
    for _ in range(3):
        driver.begin()
        for device in (driver.device, driver.sleeper):
            driver.source.release(device)
    driver.begin()
    driver.mute(False)
    assert driver.answer_about(driver.device, 1) == "ok"
    assert driver.host.counters.most_open == 1


def test_nothing_is_served_after_the_stop(driver: IntegratorDriver) -> None:
    driver.stop()
    driver.begin()
    driver.source.release(driver.device)
    assert driver.looked_up == []
    assert driver.leftovers() == []


# Tokens


def tokens_asked(world: World) -> int:
    return len(world.api.counters.token_requests)


def test_sixteen_hosts_need_one_token_request(make: Maker, world: World) -> None:
    hosts = [f"shelly-{number}-sim.shelly.cloud" for number in range(3, 19)]
    for host in hosts:
        world.add_host(host)
    driver = make(configured=tuple(hosts))
    driver.source.start()
    for host in hosts:
        connected(driver, host)
    assert tokens_asked(world) == 1
    assert len(driver.tokens) == 1
    told = {event.token_expires for event in driver.recorder.of(LinkChanged)} - {None}
    assert len(told) == 1


def test_a_refused_token_is_replaced_once_for_all_hosts(make: Maker, world: World) -> None:
    driver = make(configured=HOSTS)
    driver.source.start()
    for host in HOSTS:
        connected(driver, host)
    world.tokens.revoke_all()
    for host in HOSTS:
        world.host(host).drop()
    for host in HOSTS:
        connected(driver, host, 2)
    assert tokens_asked(world) == 2


def test_a_token_that_breaks_while_connected_is_replaced(driver: IntegratorDriver) -> None:
    driver.up()
    driver.host.close(4401, "Token-Broken")
    assert driver.answer_about(driver.device, 2) == "ok"
    assert tokens_asked(driver.world) == 2


def test_a_token_that_expires_costs_no_connection(make: Maker, world: World) -> None:
    world.tokens.lifetime = 1.5
    driver = make()
    driver.up()
    expires = driver.recorder.wait(
        LinkChanged, lambda event: event.state is LinkState.CONNECTED
    ).token_expires
    assert expires is not None
    wait_until(lambda: time.time() > expires)
    driver.source.refresh(driver.link, driver.device)
    assert driver.answer_about(driver.device, 2) == "ok"
    assert (driver.opened(), tokens_asked(world)) == (1, 1)


def test_hosts_that_refuse_every_token_cost_few_token_requests(make: Maker, world: World) -> None:
    for host in world.hosts:
        host.faults.refuse = 401
    driver = make(configured=HOSTS)
    driver.source.start()
    refused = driver.recorder.wait(
        LinkChanged, lambda event: event.state is LinkState.AUTH_REQUIRED
    )
    assert refused.error == "no access token: the hosts refuse the token that the cloud gives"
    driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.AUTH_REQUIRED, count=2)
    assert tokens_asked(world) == 2


@pytest.mark.parametrize("fault", [fault for fault in TokenAnswer if fault is not TokenAnswer.GOOD])
def test_an_odd_token_answer_is_one_clear_error_and_no_hammering(
    make: Maker, world: World, fault: TokenAnswer
) -> None:
    world.api.faults.token = fault
    driver = make(configured=HOSTS)
    driver.begin()
    failed = driver.recorder.wait(
        LinkChanged,
        lambda event: event.state in (LinkState.BACKOFF, LinkState.AUTH_REQUIRED),
        count=2,
    )
    assert failed.error is not None
    assert failed.error.startswith("no access token: ")
    assert failed.error.isprintable()
    assert len(failed.error) < 200
    assert tokens_asked(world) == 1
    for host in HOSTS:
        driver.source.reconnect(LinkId(host))
    driver.recorder.wait(
        LinkChanged,
        lambda event: event.state in (LinkState.BACKOFF, LinkState.AUTH_REQUIRED),
        count=4,
    )
    assert tokens_asked(world) == 1
    assert driver.opened() == 0


def test_a_wrong_token_of_ours_is_told_as_that(make: Maker) -> None:
    driver = make(token="wrong-canary-token")
    driver.begin()
    failed = driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.AUTH_REQUIRED)
    assert failed.error == "no access token: localhost: refused (HTTP 401)"


def test_token_answers_that_heal_let_everything_come_up(make: Maker, world: World) -> None:
    world.api.faults.token = TokenAnswer.ERROR_500
    driver = make()
    driver.begin()
    driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.BACKOFF)
    world.api.faults.token = TokenAnswer.GOOD
    driver.recorder.wait(RefreshAnswered, lambda event: event.device == driver.device, limit=8.0)
    assert tokens_asked(world) == 2


def test_a_stop_does_not_wait_for_a_token(make: Maker, world: World) -> None:
    world.api.faults.token = TokenAnswer.HANG
    driver = make(configured=HOSTS)
    driver.begin()
    wait_until(lambda: tokens_asked(world))
    assert driver.stop() < 1.5


# Others


def test_a_host_is_left_to_somebody_else_who_insists(driver: IntegratorDriver) -> None:
    driver.host.faults.displace = (1000, "another connection was opened")
    driver.begin()
    begin = time.monotonic()
    displaced = driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.DISPLACED)
    assert time.monotonic() - begin < 5
    assert displaced.error is not None
    assert driver.opened() == 2
    driver.host.faults.displace = None
    connected(driver, driver.link, 3)


def test_nothing_of_the_answer_gets_into_the_log(
    make: Maker, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.api.faults.token = TokenAnswer.HTML
    driver = make(configured=HOSTS)
    driver.source.start()
    driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.BACKOFF)
    assert "doctype" not in caplog.text
    assert world.token not in caplog.text
