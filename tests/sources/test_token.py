"""One token for all hosts: asked for when needed, by one request, and never hammered for."""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import Any

import pytest

from bridge.core.model import Json
from bridge.errors import AuthError, PeerError
from bridge.httpclient import NotReachedError
from bridge.sources.jwt import TokenUnavailableError
from bridge.sources.token import TokenKeeper

HOST = "shelly-1-sim.shelly.cloud"
OTHERS = [f"shelly-{number}-sim.shelly.cloud" for number in range(2, 17)]


def jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"aaa.{payload}.sig"


class Cloud:
    """Gives prepared answers and counts the questions."""

    def __init__(self, *answers: dict[str, Json] | PeerError) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.secrets: list[str] = []

    def __call__(self) -> dict[str, Json]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, PeerError):
            raise answer
        return answer

    def keeper(self) -> TokenKeeper:
        return TokenKeeper(self, self.secrets.append)


def good(**claims: Any) -> dict[str, Json]:
    return {"isok": True, "data": jwt(**claims)}


def test_one_request_serves_everybody_who_waits() -> None:
    cloud = Cloud(good(exp=time.time() + 86_400))
    asking = threading.Barrier(17)
    keeper = cloud.keeper()
    found: list[str] = []

    def ask() -> None:
        asking.wait(5)
        found.append(keeper.get(HOST).text)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    asking.wait(5)
    for thread in threads:
        thread.join(5)
    assert len(found) == 16
    assert cloud.asked == 1


def test_a_token_is_kept_until_it_is_refused() -> None:
    cloud = Cloud(good(n=1), good(n=2))
    keeper = cloud.keeper()
    first = keeper.get(HOST)
    assert keeper.get(HOST) is first
    keeper.refused(HOST, first)
    assert keeper.get(HOST).text == jwt(n=2)


def test_a_refusal_of_an_older_token_does_not_cost_the_new_one() -> None:
    cloud = Cloud(good(n=1), good(n=2))
    keeper = cloud.keeper()
    first = keeper.get(HOST)
    keeper.refused(HOST, first)
    second = keeper.get(HOST)
    keeper.refused(HOST, first)
    assert keeper.get(HOST) is second


def test_the_time_of_expiry_is_told_where_the_token_tells_it() -> None:
    expires = time.time() + 3_600
    assert Cloud(good(exp=expires)).keeper().get(HOST).expires == pytest.approx(expires)
    assert Cloud(good()).keeper().get(HOST).expires is None


def test_a_token_whose_expiry_is_past_by_our_clock_is_used_all_the_same() -> None:
    """A Pi without a clock must not ask for tokens in a loop."""
    cloud = Cloud(good(exp=1))
    keeper = cloud.keeper()
    keeper.get(HOST)
    keeper.get(HOST)
    assert cloud.asked == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"isok": True},
        {"isok": True, "data": ""},
        {"isok": True, "data": "no token"},
        {"isok": True, "data": {"token": jwt()}},
        {"isok": True, "data": "a.b.c\nHeader: x"},
        {"isok": True, "data": "a.b." + "c" * 10_000},
        {"isok": 1, "data": jwt()},
        {"isok": False, "errors": {"wrong_token": "the token is wrong"}},
        {"isok": False, "errors": ["x"]},
    ],
)
def test_an_odd_answer_is_a_clear_error_and_is_not_repeated_at_once(
    answer: dict[str, Json],
) -> None:
    cloud = Cloud(answer)
    keeper = cloud.keeper()
    for _ in range(10):
        with pytest.raises(TokenUnavailableError) as caught:
            keeper.get(HOST)
        assert 0 < caught.value.retry_after <= 120
    assert cloud.asked == 1
    assert "the token is wrong" not in str(caught.value)


def test_a_refusal_is_told_apart_from_an_outage() -> None:
    with pytest.raises(TokenUnavailableError) as refused:
        Cloud(AuthError("refused")).keeper().get(HOST)
    assert refused.value.refused
    with pytest.raises(TokenUnavailableError) as outage:
        Cloud(PeerError("HTTP 500")).keeper().get(HOST)
    assert not outage.value.refused


def test_a_token_is_registered_as_a_secret_and_does_not_show_itself() -> None:
    cloud = Cloud(good())
    token = cloud.keeper().get(HOST)
    assert cloud.secrets == [token.text]
    assert token.text not in repr(token)


class Clock:
    """Stands in for `time`: passes only when told."""

    def __init__(self) -> None:
        self.now = 10_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_800_000_000.0 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("token", "patience"):
        monkeypatch.setattr(f"bridge.sources.{module}.time", clock)
    return clock


def ask_for(keeper: TokenKeeper, clock: Clock, seconds: int, *, refuse: bool = False) -> None:
    """Sixteen hosts want a token all the time; with `refuse` none of them takes it."""
    for _ in range(seconds):
        for host in (HOST, *OTHERS):
            try:
                token = keeper.get(host)
            except TokenUnavailableError:
                continue
            if refuse:
                keeper.refused(host, token)
        clock.now += 1


def test_ten_minutes_without_an_answer_cost_a_dozen_requests(clock: Clock) -> None:
    cloud = Cloud(PeerError("HTTP 500"))
    ask_for(cloud.keeper(), clock, 600)
    assert 5 <= cloud.asked <= 12


def test_a_network_that_comes_back_brings_the_token_within_a_minute(clock: Clock) -> None:
    """A router may take longer to start than we do."""
    cloud = Cloud(NotReachedError("its name cannot be resolved"))
    keeper = cloud.keeper()
    for _ in range(20):
        ask_for(keeper, clock, 60)
        with pytest.raises(TokenUnavailableError) as caught:
            keeper.get(HOST)
        assert caught.value.retry_after <= 45
    cloud.answers = [good()]
    ask_for(keeper, clock, 46)
    assert keeper.get(HOST).text == jwt()


def test_ten_minutes_in_which_no_host_takes_a_token_cost_a_dozen_requests(clock: Clock) -> None:
    cloud = Cloud(good())
    ask_for(cloud.keeper(), clock, 600, refuse=True)
    assert 5 <= cloud.asked <= 13


def insist(keeper: TokenKeeper, clock: Clock, seconds: int) -> int:
    """One host never takes a token and is tried again all the time; how often it was."""
    tries = 0
    refusals: list[TokenUnavailableError] = []
    for _ in range(seconds):
        try:
            token = keeper.get(HOST)
        except TokenUnavailableError as error:
            refusals.append(error)
        else:
            tries += 1
            keeper.refused(HOST, token)
        clock.now += 1
    assert all(error.refused and error.retry_after <= 150 for error in refusals)
    return tries


def test_a_host_that_takes_no_token_costs_the_others_nothing(clock: Clock) -> None:
    cloud = Cloud(good(n=1), good(n=2), good(n=3))
    keeper = cloud.keeper()
    for host in OTHERS:
        keeper.taken(host, keeper.get(host))
    assert 5 <= insist(keeper, clock, 600) <= 15
    assert cloud.asked == 2
    for host in OTHERS:
        keeper.taken(host, keeper.get(host))
    insist(keeper, clock, 3_600)
    assert cloud.asked == 3


def test_while_a_new_token_is_waited_for_the_others_use_the_old_one(clock: Clock) -> None:
    cloud = Cloud(good(n=1), good(n=2), good(n=3), PeerError("HTTP 500"))
    keeper = cloud.keeper()
    insist(keeper, clock, 1)
    insist(keeper, clock, 1)
    with pytest.raises(TokenUnavailableError):
        keeper.get(HOST)
    assert keeper.get(OTHERS[0]).text == jwt(n=2)
    clock.now += 60
    insist(keeper, clock, 1)
    clock.now += 60
    with pytest.raises(TokenUnavailableError) as caught:
        keeper.get(HOST)
    assert not caught.value.refused
    assert keeper.get(OTHERS[0]).text == jwt(n=3)


def test_a_host_that_comes_to_its_senses_takes_the_token_of_the_others(clock: Clock) -> None:
    cloud = Cloud(good(n=1), good(n=2))
    keeper = cloud.keeper()
    keeper.taken(OTHERS[0], keeper.get(OTHERS[0]))
    insist(keeper, clock, 600)
    clock.now += 150
    keeper.taken(HOST, keeper.get(HOST))
    clock.now += 1
    assert keeper.get(HOST) is keeper.get(OTHERS[0])
    assert cloud.asked == 2


def test_a_token_that_was_taken_and_then_is_not_is_replaced_at_once_each_time(clock: Clock) -> None:
    cloud = Cloud(*(good(n=number) for number in range(10)))
    keeper = cloud.keeper()
    for number in range(5):
        for host in (HOST, *OTHERS):
            token = keeper.get(host)
            assert token.text == jwt(n=number)
            keeper.taken(host, token)
        clock.now += 300
        for host in (HOST, *OTHERS):
            keeper.refused(host, token)
    assert cloud.asked == 5


def test_a_host_whose_token_was_revoked_is_not_left_alone_with_it(clock: Clock) -> None:
    """It never took this one, and others took it long ago."""
    cloud = Cloud(good(n=1), good(n=2))
    keeper = cloud.keeper()
    keeper.taken(OTHERS[0], keeper.get(OTHERS[0]))
    clock.now += 7_200
    keeper.refused(HOST, keeper.get(HOST))
    assert keeper.get(HOST).text == jwt(n=2)


def test_a_token_that_others_had_replaced_is_tried_without_delay(clock: Clock) -> None:
    cloud = Cloud(good(n=1), good(n=2), good(n=3))
    keeper = cloud.keeper()
    keeper.taken(OTHERS[0], keeper.get(OTHERS[0]))
    insist(keeper, clock, 300)
    while insist(keeper, clock, 1):
        pass
    with pytest.raises(TokenUnavailableError):
        keeper.get(HOST)
    keeper.refused(OTHERS[0], keeper.get(OTHERS[0]))
    keeper.taken(OTHERS[0], keeper.get(OTHERS[0]))
    assert keeper.get(HOST).text == jwt(n=3)


def test_a_host_that_is_gone_is_forgotten(clock: Clock) -> None:
    cloud = Cloud(good(n=1), good(n=2), good(n=3))
    keeper = cloud.keeper()
    keeper.taken(OTHERS[0], keeper.get(OTHERS[0]))
    insist(keeper, clock, 10)
    keeper.forget(HOST)
    assert keeper.get(HOST) is keeper.get(OTHERS[0])


def test_a_token_is_asked_for_once_a_day(clock: Clock) -> None:
    cloud = Cloud(good())
    keeper = cloud.keeper()
    for _ in range(48):
        keeper.get(HOST)
        clock.now += 1_800
    assert cloud.asked == 2


def test_a_day_after_the_last_refusal_one_is_replaced_at_once_again(clock: Clock) -> None:
    cloud = Cloud(good())
    keeper = cloud.keeper()
    keeper.refused(HOST, keeper.get(HOST))
    last = keeper.get(HOST)
    clock.now += 3_600
    keeper.refused(HOST, last)
    keeper.refused(HOST, keeper.get(HOST))
    keeper.get(HOST)
    assert cloud.asked == 4


def test_after_an_outage_the_next_failure_waits_shortly_again(clock: Clock) -> None:
    failure = PeerError("HTTP 500")
    cloud = Cloud(*[failure] * 6, good(exp=clock.time() + 3_600), failure)
    keeper = cloud.keeper()
    while cloud.asked < 7:
        ask_for(keeper, clock, 1)
    clock.now += 7_200
    with pytest.raises(TokenUnavailableError) as caught:
        keeper.get(HOST)
    assert caught.value.retry_after <= 3


@pytest.mark.parametrize(
    "key", ["canary-token", "CANARY", "canary token", "canary\x1b[2J", "ćanary"]
)
def test_only_plain_words_of_an_answer_are_shown(key: str) -> None:
    cloud = Cloud({"isok": False, "errors": {key: 1, "wrong_credentials": "canary"}})
    with pytest.raises(TokenUnavailableError) as caught:
        cloud.keeper().get(HOST)
    assert "canary" not in str(caught.value).lower()
    assert "wrong_credentials" in str(caught.value)
