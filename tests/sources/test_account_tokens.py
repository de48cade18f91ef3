"""One token after the other: what is tried when one does not do, how often, and what is kept."""

from __future__ import annotations

import base64
import json
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.hosts import HostRule
from bridge.core.logins import NONE, Login
from bridge.core.model import Json
from bridge.errors import AuthError, PeerError
from bridge.httpclient import RateLimitedError
from bridge.sources.account_http import NotServedError
from bridge.sources.account_tokens import (
    BETWEEN_PASSWORDS,
    BETWEEN_REFUSALS,
    MOST_ASTRAY,
    AccountTokens,
)
from bridge.sources.credentials import Credentials
from bridge.sources.jwt import Token, TokenUnavailableError
from tests.sources.account_driver import MemoryVault

HOST = "https://shelly-9-eu.shelly.cloud"
ELSEWHERE = "https://shelly-8-eu.shelly.cloud"
ADVICE = "log in: shelly-bridge login home"
KNOWN = Credentials("somebody@example.org", "c0ffee" * 6 + "c0ff")
WALL = 1_800_000_000.0
DAY = 86_400.0

Answer = dict[str, Json] | PeerError


def jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJh.{payload}.c2ln"


def code(number: int = 1, host: str = HOST) -> str:
    return jwt(sub="shelly-diy", user_id="7", user_api_url=host, n=number)


def access(number: int = 1, host: str = HOST, lasts: float = 43_200, **claims: Any) -> str:
    told = {"sub": "pwd", "user_api_url": host, "iat": WALL, "exp": WALL + lasts, "n": number}
    return jwt(**{key: value for key, value in {**told, **claims}.items() if value is not ...})


def tokens_of(text: str, refresh: str | None = "refresh-canary-1") -> dict[str, Json]:
    whole = {"access_token": text, "token_type": "Bearer", "expires_in": 43_200}
    return whole if refresh is None else {**whole, "refresh_token": refresh}


class Clock:
    """Stands in for `time`: passes only when told."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 5_000.0 + self.passed

    def time(self) -> float:
        return WALL + self.passed


class Cloud:
    """Plays `AccountHttp`: prepared answers by kind of question, the last one again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.asked: list[str] = []
        self.bases: list[str] = []

    def will(self, what: str, *answers: Any) -> Cloud:
        self.answers[what] = list(answers)
        return self

    def _answer(self, what: str, base: str) -> Any:
        self.asked.append(what)
        self.bases.append(base)
        left = self.answers.get(what) or [AuthError(f"{what} is not expected")]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def log_in(self, api_url: str, email: str, sha1: str) -> str:
        assert (email, sha1) == (KNOWN.email, KNOWN.sha1)
        text: str = self._answer("login", api_url)
        return text

    def exchange(self, base: str, _code: str) -> dict[str, Json]:
        answer: dict[str, Json] = self._answer("code", base)
        return answer

    def renew(self, base: str, _refresh: str) -> dict[str, Json]:
        answer: dict[str, Json] = self._answer("refresh", base)
        return answer


class Case:
    """Tokens under test, with everything around them."""

    def __init__(
        self, clock: Clock, login: Login = NONE, credentials: Credentials | None = None
    ) -> None:
        self.clock = clock
        self.cloud = Cloud()
        self.vault = MemoryVault(login)
        self.registered: list[str] = []
        self.tokens = self.again(credentials)

    def again(self, credentials: Credentials | None = None) -> AccountTokens:
        """The same after a restart."""
        self.tokens = AccountTokens(
            self.cloud,  # type: ignore[arg-type]  # it plays it
            self.vault,
            HostRule(["*.shelly.cloud"]),
            api_url="https://api.shelly.cloud",
            credentials=credentials,
            advice=ADVICE,
            register_secret=self.registered.append,
        )
        return self.tokens

    def fails(self) -> TokenUnavailableError:
        with pytest.raises(TokenUnavailableError) as caught:
            self.tokens.get()
        assert str(caught.value).isprintable()
        for secret in self.secrets():
            assert secret not in str(caught.value)
        return caught.value

    def secrets(self) -> list[str]:
        login = self.vault.login
        found = [KNOWN.sha1, login.access, login.refresh, login.code, login.refused]
        return [text for text in found if text]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("account_tokens", "patience"):
        monkeypatch.setattr(f"bridge.sources.{module}.time", clock)
    return clock


STORED = Login(1, HOST, access(lasts=600), "refresh-canary-0", code())


# The right next step


def test_a_stored_token_that_is_good_costs_no_question(clock: Clock) -> None:
    case = Case(clock, STORED)
    token = case.tokens.get()
    assert (token.text, token.base) == (STORED.access, HOST)
    assert case.tokens.get() is token
    assert case.cloud.asked == []
    assert set(case.registered) >= {STORED.access, STORED.refresh, STORED.code}


def test_a_token_that_runs_out_is_renewed_before_it_does(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=access(lasts=60)))
    case.cloud.will("refresh", tokens_of(access(2)))
    first = case.tokens.get()
    at = case.tokens.renew_at()
    assert at is not None
    assert 40 < at - clock.monotonic() < 60
    clock.passed = 55
    second = case.tokens.get()
    assert second.text != first.text
    assert case.cloud.asked == ["refresh"]
    assert case.vault.login.refresh == "refresh-canary-1"
    assert case.vault.login.access == second.text


def test_a_token_is_used_to_its_end_while_no_other_can_be_had(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=access(lasts=60)))
    case.cloud.will("refresh", PeerError("HTTP 500"))
    first = case.tokens.get()
    clock.passed = 55
    assert case.tokens.get() is first
    assert case.tokens.get() is first
    assert case.cloud.asked == ["refresh"]
    clock.passed = 61
    assert not case.fails().refused


def test_each_refusal_leads_to_the_next_step_and_is_remembered(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=access(lasts=0)), KNOWN)
    case.cloud.will("refresh", AuthError("refused")).will("code", AuthError("refused"))
    case.cloud.will("login", AuthError("refused"))
    failed = case.fails()
    assert case.cloud.asked == ["refresh", "code", "login"]
    assert failed.refused
    assert "the e-mail address or password is wrong" in str(failed)
    assert ADVICE in str(failed)
    assert (case.vault.login.refresh, case.vault.login.code) == (STORED.refresh, STORED.code)
    clock.passed = BETWEEN_PASSWORDS + 1
    assert case.fails().retry_after < BETWEEN_REFUSALS
    assert case.cloud.asked == ["refresh", "code", "login", "login"]
    clock.passed = BETWEEN_REFUSALS + 1
    case.fails()
    assert case.cloud.asked == ["refresh", "code", "login", "login", "refresh", "code"]
    assert (case.vault.login.refresh, case.vault.login.code) == ("", "")
    clock.passed = DAY
    case.fails()
    assert len(case.cloud.asked) == 6


def test_a_refusal_that_does_not_last_costs_no_login(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""))
    case.cloud.will("refresh", AuthError("refused"), tokens_of(access(2)))
    case.cloud.will("code", AuthError("refused"))
    assert case.fails().refused
    clock.passed = BETWEEN_REFUSALS + 1
    assert case.tokens.get().text == access(2)
    assert case.cloud.asked == ["refresh", "code", "refresh"]


def test_a_password_that_was_refused_twice_is_never_sent_again(clock: Clock) -> None:
    case = Case(clock, NONE, KNOWN)
    case.cloud.will("login", AuthError("refused"))
    for hours in range(100):
        clock.passed = hours * 3_601
        case.fails()
    assert case.cloud.asked == ["login"] * 2
    for _ in range(3):
        case.again(KNOWN)
        case.fails()
    assert case.cloud.asked == ["login"] * 2
    assert KNOWN.sha1 not in repr(case.vault.login.refused)


def test_another_password_is_tried(clock: Clock) -> None:
    case = Case(clock, NONE, KNOWN)
    case.cloud.will("login", AuthError("refused"))
    case.fails()
    clock.passed = 100
    case.fails()
    case.vault.login = replace(case.vault.login, refused=f"{'00' * 16}${'11' * 32}")
    case.again(KNOWN)
    case.fails()
    assert case.cloud.asked == ["login"] * 3
    assert case.vault.login.refusals == 1


def test_a_login_by_password_takes_two_questions(clock: Clock) -> None:
    case = Case(clock, NONE, KNOWN)
    case.cloud.will("login", code(5)).will("code", tokens_of(access(5)))
    token = case.tokens.get()
    assert case.cloud.asked == ["login", "code"]
    assert case.cloud.bases == ["https://api.shelly.cloud", HOST]
    assert token.expires == WALL + 43_200
    assert case.vault.login == Login(0, HOST, access(5), "refresh-canary-1", code(5))
    assert {KNOWN.sha1, code(5), access(5), "refresh-canary-1"} <= set(case.registered)


def test_without_anything_somebody_has_to_log_in(clock: Clock) -> None:
    case = Case(clock)
    failed = case.fails()
    assert (failed.refused, str(failed)) == (True, ADVICE)
    assert failed.retry_after > 600
    assert case.cloud.asked == []


# What only fails


@pytest.mark.parametrize(
    ("problem", "seconds"),
    [
        (PeerError("HTTP 500"), 0.5),
        (PeerError("it did not answer in time"), 0.5),
        (RateLimitedError("asked too often"), 5.0),
        (RateLimitedError("asked too often", 77.0), 77.0),
    ],
)
def test_an_outage_is_no_refusal(clock: Clock, problem: PeerError, seconds: float) -> None:
    login = replace(STORED, access="")
    case = Case(clock, login, KNOWN)
    case.cloud.will("refresh", problem)
    failed = case.fails()
    assert not failed.refused
    assert failed.retry_after >= seconds
    assert case.cloud.asked == ["refresh"]
    assert case.vault.login == login
    case.fails()
    assert case.cloud.asked == ["refresh"]


def test_ten_minutes_of_outage_cost_a_dozen_questions(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""), KNOWN)
    case.cloud.will("refresh", PeerError("HTTP 500"))
    for second in range(600):
        clock.passed = second
        case.fails()
    assert 5 <= len(case.cloud.asked) <= 12


def test_ten_minutes_in_which_no_host_takes_a_token_cost_a_dozen_questions(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""))
    case.cloud.will("refresh", tokens_of(access()))
    for second in range(600):
        clock.passed = second
        with suppress(TokenUnavailableError):
            case.tokens.refused(case.tokens.get())
    assert case.fails().refused
    assert 5 <= len(case.cloud.asked) <= 13


def test_a_password_whose_code_is_not_taken_is_not_sent_in_a_loop(clock: Clock) -> None:
    case = Case(clock, NONE, KNOWN)
    case.cloud.will("login", code()).will("code", AuthError("refused"))
    for second in range(300):
        clock.passed = second
        assert not case.fails().refused
    assert case.cloud.asked == ["login", "code"] * 5


def test_hosts_that_do_not_take_new_tokens_lead_to_a_new_login(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""), KNOWN)
    case.cloud.will("refresh", tokens_of(access(2)), tokens_of(access(3)))
    case.cloud.will("login", code(9, ELSEWHERE)).will("code", tokens_of(access(9, ELSEWHERE)))
    for _ in range(2):
        case.tokens.refused(case.tokens.get())
    clock.passed = 10
    assert case.tokens.get().base == ELSEWHERE
    assert case.cloud.asked == ["refresh", "refresh", "login", "code"]


def test_an_account_that_its_host_does_not_know_any_more_is_looked_for(clock: Clock) -> None:
    case = Case(clock, STORED, KNOWN)
    case.cloud.will("login", code(9, ELSEWHERE)).will("code", tokens_of(access(9, ELSEWHERE)))
    token = case.tokens.get()
    for _ in range(MOST_ASTRAY - 1):
        case.tokens.unserved(token)
        assert case.tokens.get() is token
    case.tokens.unserved(token)
    assert case.tokens.get().base == ELSEWHERE
    assert case.cloud.asked == ["login", "code"]


def test_a_host_that_knows_nothing_of_tokens_is_left(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""), KNOWN)
    case.cloud.will("refresh", NotServedError("HTTP 404"))
    case.cloud.will("login", code(9, ELSEWHERE)).will("code", tokens_of(access(9, ELSEWHERE)))
    for attempt in range(MOST_ASTRAY):
        clock.passed = attempt * 200
        case.fails()
    clock.passed = 1_000
    assert case.tokens.get().base == ELSEWHERE


# Somebody logs in


def test_a_code_of_the_login_page_is_stored_and_heals(clock: Clock) -> None:
    case = Case(clock)
    case.fails()
    case.cloud.will("code", tokens_of(access(4)))
    case.tokens.take(f"  {code(4)}\n")
    assert case.tokens.get().text == access(4)
    assert case.cloud.asked == ["code"]
    assert case.vault.login == Login(1, HOST, access(4), "refresh-canary-1", code(4))


def test_a_login_in_another_process_is_noticed(clock: Clock) -> None:
    case = Case(clock)
    case.fails()
    assert not case.tokens.look()
    case.vault.login = STORED
    assert case.tokens.look()
    assert case.tokens.get().text == STORED.access
    assert not case.tokens.look()


def test_a_late_write_touches_no_newer_login(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""))
    token_in_time = tokens_of(access(2))
    newer = replace(STORED, count=2, access=access(7))

    class Meanwhile(Cloud):
        def renew(self, _base: str, _refresh: str) -> dict[str, Json]:
            case.vault.login = newer
            return token_in_time

    case.cloud = Meanwhile()
    tokens = case.again()
    with pytest.raises(TokenUnavailableError, match="meanwhile"):
        tokens.get()
    assert case.vault.login == newer
    clock.passed = 10
    assert tokens.get().text == access(7)


# One user


def test_a_token_of_another_user_is_not_taken(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""), KNOWN)
    case.cloud.will("refresh", tokens_of(access(2, user_id="999")))
    failed = case.fails()
    assert failed.refused
    assert "another user's" in str(failed)
    assert ADVICE in str(failed)
    assert case.cloud.asked == ["refresh"]
    assert case.vault.login == replace(STORED, access="")


def test_a_stored_token_of_another_user_than_the_code_is_not_used(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=access(user_id="999")))
    case.cloud.will("refresh", tokens_of(access(2, user_id=7)))
    assert case.tokens.get().text == access(2, user_id=7)


def test_a_refresh_token_alone_does_not_change_the_user(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=access(user_id="7"), code=""))
    case.tokens.refused(case.tokens.get())
    case.cloud.will("refresh", tokens_of(access(2, user_id="8")))
    assert "another user's" in str(case.fails())


def test_whose_a_refresh_token_is_is_known_after_a_restart(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=access(user_id="7"), code=""))
    case.tokens.refused(case.tokens.get())
    assert STORED.refresh == case.vault.login.refresh
    assert "c2ln" not in case.vault.login.access
    case.again()
    case.cloud.will("refresh", tokens_of(access(2, user_id="8")))
    assert "another user's" in str(case.fails())
    case.cloud.will("refresh", tokens_of(access(2, user_id="7")))
    case.again()
    assert case.tokens.get().text == access(2, user_id="7")


def test_whose_a_login_was_is_known_when_all_of_it_is_forgotten(clock: Clock) -> None:
    theirs = jwt(user_id="8", user_api_url=HOST)
    case = Case(clock, replace(STORED, access=access(lasts=0), code=theirs))
    case.cloud.will("refresh", AuthError("refused")).will("code", AuthError("refused"))
    case.fails()
    clock.passed = BETWEEN_REFUSALS + 1
    case.fails()
    assert (case.vault.login.refresh, case.vault.login.code) == ("", "")
    case.again(KNOWN)
    case.cloud.will("login", code())
    assert "another user's" in str(case.fails())
    case.cloud.will("code", tokens_of(access(4)))
    assert case.tokens.take(code()) is True
    assert case.tokens.get().text == access(4)


def test_a_token_of_which_only_remains_are_stored_is_not_used(clock: Clock) -> None:
    case = Case(clock, STORED)
    case.tokens.refused(case.tokens.get())
    case.cloud.will("refresh", tokens_of(access(2)))
    assert case.again().get().text == access(2)
    assert case.cloud.asked == ["refresh"]


def test_an_email_address_of_another_user_is_not_enough(clock: Clock) -> None:
    login = replace(STORED, access=access(lasts=0, user_id="8"), refresh="", code="")
    case = Case(clock, login, KNOWN)
    case.cloud.will("login", code())
    assert "another user's" in str(case.fails())
    assert case.cloud.asked == ["login"]
    assert case.vault.login == login


def test_a_code_that_gives_the_token_of_another_user_is_not_taken(clock: Clock) -> None:
    case = Case(clock, STORED)
    case.cloud.will("code", tokens_of(access(4, user_id="999")))
    with pytest.raises(PeerError, match="another user's"):
        case.tokens.take(code(4))
    assert case.vault.login == STORED


@pytest.mark.parametrize(("user", "another"), [("7", False), ("8", True)])
def test_somebody_else_can_log_in_and_it_is_told(
    clock: Clock, caplog: pytest.LogCaptureFixture, user: str, another: bool
) -> None:
    case = Case(clock, STORED)
    case.cloud.will("code", tokens_of(access(4, user_id=user)))
    assert case.tokens.take(jwt(user_id=user, user_api_url=HOST)) is another
    assert ("another user's" in caplog.text) is another
    assert case.tokens.get().text == access(4, user_id=user)


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("", "no code"),
        ("abc", "no code"),
        ("a.b.c", "does not name the account's host"),
        ("x" * 10_000, "no code"),
        (code(host="https://evil.example.org"), "not in the account's allowed_hosts"),
        (code(host="http://shelly-9-eu.shelly.cloud"), "does not name"),
        (code(host="https://a@shelly-9-eu.shelly.cloud"), "does not name"),
        (code(host="https://shelly-9-eu.shelly.cloud:99999"), "does not name"),
        (code(host="https://shelly-9-eu.shelly.cloud/path"), "does not name"),
        (code(host="https://shelly-9-eu.shelly.cloud:22"), "names a port"),
        (code(host="https://localhost.shelly.cloud:22"), "names a port"),
        (code(host="https://SHELLY-9-EU.shelly.cloud"), "does not name"),
        (code(host="https://10.0.0.1"), "allowed_hosts"),
        (jwt(sub="shelly-diy"), "does not name"),
        (jwt(user_api_url=[HOST]), "does not name"),
        (jwt(user_api_url=None), "does not name"),
    ],
)
def test_a_code_that_is_none_goes_nowhere(clock: Clock, pasted: str, said: str) -> None:
    case = Case(clock)
    with pytest.raises(PeerError, match=said) as caught:
        case.tokens.take(pasted)
    assert case.cloud.asked == []
    assert case.vault.login == NONE
    assert not pasted or pasted not in str(caught.value)


def test_a_code_that_the_cloud_does_not_take_is_told_and_not_kept(clock: Clock) -> None:
    case = Case(clock, STORED)
    case.cloud.will("code", AuthError("host: refused (bad code)"))
    with pytest.raises(AuthError, match="does not take this code"):
        case.tokens.take(code())
    assert case.vault.login == STORED


def test_a_login_that_cannot_be_stored_is_an_error(clock: Clock) -> None:
    case = Case(clock)
    case.cloud.will("code", tokens_of(access(4)))
    case.vault.full = True
    with pytest.raises(PeerError, match="disk is full"):
        case.tokens.take(code())


def test_a_full_disk_costs_no_token(clock: Clock) -> None:
    case = Case(clock, replace(STORED, access=""))
    case.cloud.will("refresh", tokens_of(access(2), "refresh-canary-2"), tokens_of(access(3)))
    case.vault.full = True
    token = case.tokens.get()
    assert case.tokens.get() is token
    case.tokens.refused(token)
    assert case.tokens.get().text == access(3)


# Odd answers


ODD: list[Any] = [
    {},
    {"access_token": None},
    {"access_token": [access()]},
    {"access_token": {"token": access()}},
    {"access_token": "<html>log in</html>"},
    {"access_token": "one.two"},
    {"access_token": access() + "\r\nHost: x"},
    {"access_token": "a.b." + "c" * 10_000},
    {"access_token": access(host="https://evil.example.org")},
    {"access_token": access(host="https://shelly.cloud.evil.example.org")},
    {"access_token": access(user_api_url=...)},
    {"access_token": access(user_api_url=["https://shelly-9-eu.shelly.cloud"])},
    {"access_token": f"eyJh.{base64.b64encode(b'[1]').decode()}.x"},
    {"access_token": "eyJh.%%%.x"},
    [],
]


@pytest.mark.parametrize("answer", [answer for answer in ODD if isinstance(answer, dict)])
def test_an_answer_without_a_token_is_one_clear_error(clock: Clock, answer: Any) -> None:
    case = Case(clock, replace(STORED, access=""))
    case.cloud.will("refresh", answer)
    for _ in range(5):
        failed = case.fails()
        assert not failed.refused
        assert len(str(failed)) < 100
    assert case.cloud.asked == ["refresh"]
    assert case.vault.login.refresh == STORED.refresh


@pytest.mark.parametrize(
    ("claims", "said", "least", "most"),
    [
        ({"exp": ...}, 3_600, 2_800, 3_600),
        ({"exp": ..., "iat": ...}, None, 3_600, 36_000),
        ({"exp": "soon"}, [], 3_600, 36_000),
        ({"exp": 1, "iat": 0.5}, -5, 5, 5),
        ({"exp": WALL - DAY, "iat": WALL - DAY - 7_200}, 5, 5_700, 7_200),
        ({"exp": 1e12, "iat": ...}, 100, 80, 100),
        ({"exp": True}, True, 3_600, 36_000),
        ({"exp": WALL + 1e9}, None, 80 * 3_600, 30 * DAY),
        ({"exp": WALL + 0.001}, None, 5, 5),
    ],
)
def test_how_long_a_token_is_good(
    clock: Clock, claims: dict[str, Any], said: Json, least: float, most: float
) -> None:
    """By the cloud's own clock where it can be told: ours may be wrong."""
    case = Case(clock, replace(STORED, access=""))
    case.cloud.will("refresh", {"access_token": access(**claims), "expires_in": said})
    token = case.tokens.get()
    assert least <= token.good_until - clock.monotonic() <= most
    assert case.vault.login.refresh == STORED.refresh


@given(
    text=st.one_of(
        st.text(max_size=50),
        st.binary(max_size=50).map(lambda data: f"a.{base64.urlsafe_b64encode(data).decode()}.b"),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=9),
            lambda inner: st.dictionaries(
                st.sampled_from(["user_api_url", "exp", "iat", "x"]), inner, max_size=4
            ),
            max_leaves=6,
        ).map(lambda value: jwt(claims=value) if not isinstance(value, dict) else jwt(**value)),
    )
)
def test_whatever_is_given_as_a_token_there_is_one_kind_of_error(text: str) -> None:
    case = Case(Clock(), Login(1, HOST, text, "refresh-canary-0", text))
    case.cloud.will("refresh", {"access_token": text, "refresh_token": text})
    case.cloud.will("code", {"access_token": text})
    errors = []
    for act in (case.tokens.get, lambda: case.tokens.take(text)):
        try:
            act()
        except PeerError as error:
            errors.append(str(error))
    assert all(error.isprintable() for error in errors)
    assert len(text) < 8 or not any(text in error for error in errors)
    assert set(case.cloud.bases) <= {HOST}


def test_nothing_secret_is_logged_or_shown(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    case = Case(clock, replace(STORED, access=""), KNOWN)
    case.cloud.will("refresh", AuthError("refused")).will("code", AuthError("refused"))
    case.cloud.will("login", code(3))
    case.fails()
    seen = caplog.text + repr(case.vault.login) + repr(KNOWN) + repr(Token("t.t.t", 0.0))
    for secret in (*case.secrets(), STORED.refresh, STORED.code, code(3), KNOWN.sha1):
        assert secret not in seen
    assert "eyJ" not in seen
