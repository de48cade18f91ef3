"""The simulated OAuth server: login, codes, tokens, and all that can be refused."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jwt
import pytest

from bridge.simulator.account import Account
from bridge.simulator.account_faults import Answer, Asked
from bridge.simulator.world import World
from tests.simulator.account_client import all_status, ask, asked, connect, login, redeem, refresh
from tests.simulator.client import LIMIT, refused
from tests.simulator.conftest import HOSTS

PAGE = "/oauth_login.html"
BACK = "http://127.0.0.1:8080/login/home/callback"


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def account(world: World) -> Account:
    return world.add_account("me@example.org", "correct horse", host=HOSTS[1])


def test_from_password_to_devices(world: World, account: Account) -> None:
    device = world.add_device("SNSW-001P16EU", account=account)
    status, answer = login(world, account)
    assert (status, answer["isok"]) == (200, True)
    said = claims(answer["data"]["code"])
    assert (said["sub"], said["user_id"]) == ("shelly-diy", str(account.user_id))
    assert said["user_api_url"] == f"https://{HOSTS[1]}"
    status, answer = redeem(world, account, answer["data"]["code"])
    assert status == 200
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 43_200
    said = claims(answer["access_token"])
    assert (said["sub"], said["from"]) == ("pwd", "shelly-diy")
    assert said["exp"] == pytest.approx(time.time() + 43_200, abs=60)
    token = answer["access_token"]
    assert device.hex_id in all_status(world, account, token=token)[1]["data"]["devices_status"]
    with connect(world, account, token) as client:
        device.change(0, on=True)
        assert client.status()["switch:0"]["output"] is True
    assert account.counters.count(Asked.LOGIN, Asked.CODE) == 2
    assert account.counters.count() == 3


def test_a_wrong_password_or_e_mail_is_refused(world: World, account: Account) -> None:
    for password in ("0" * 40, account.password, account.sha1.upper()):
        status, answer = login(world, account, password)
        assert (status, answer["isok"]) == (401, False)
        assert answer["errors"]
    assert account.counters.refused[Asked.LOGIN] == 3
    account.faults.refused_status = 200
    assert login(world, account, "x")[0] == 200
    form = {"email": "you@example.org", "password": account.sha1, "client_id": "shelly-diy"}
    assert asked(world, "api.shelly.cloud", "POST", "/oauth/login", form)[1]["isok"] is False


def test_wrong_passwords_in_a_row_may_lock_the_account(world: World, account: Account) -> None:
    account.faults.lock_after = 2
    login(world, account, "x")
    assert login(world, account)[0] == 200
    login(world, account, "x")
    login(world, account, "x")
    assert login(world, account)[0] == 401
    account.unlock()
    assert login(world, account)[0] == 200


def test_a_code_is_good_once_unless_told_otherwise(world: World, account: Account) -> None:
    code = account.make_code()
    assert redeem(world, account, code)[0] == 200
    assert redeem(world, account, code)[0] == 401
    account.faults.single_use = False
    assert redeem(world, account, code)[0] == 200
    account.code_lifetime = -1.0
    assert redeem(world, account, account.make_code())[0] == 401
    account.code_lifetime = 60.0
    assert redeem(world, account, account.make_code("other-client"))[0] == 401
    assert redeem(world, account, "nonsense")[0] == 401
    assert redeem(world, account, account.make_token())[0] == 401


def test_a_get_takes_a_code_as_well_and_any_name_of_shelly_s(
    world: World, account: Account
) -> None:
    query = f"client_id=shelly-diy&grant_type=code&code={account.make_code()}"
    status, answer = asked(world, "api.shelly.cloud", "GET", f"/oauth/auth?{query}")
    assert (status, "access_token" in answer) == (200, True)


def test_a_refresh_token_stays_the_same_until_revoked(world: World, account: Account) -> None:
    first = redeem(world, account, account.make_code())[1]["refresh_token"]
    status, answer = refresh(world, account, first)
    assert (status, answer["refresh_token"]) == (200, first)
    account.revoke(refresh=True)
    assert refresh(world, account, first)[0] == 401
    assert account.counters.refused[Asked.REFRESH] == 1
    assert refresh(world, account, account.refresh_token)[0] == 200


def test_a_new_password_ends_everything(world: World, account: Account) -> None:
    account.faults.single_use = False
    code, token, old = account.make_code(), account.make_token(), account.refresh_token
    with connect(world, account, token) as client:
        account.change_password("battery staple")
        assert client.closed() == 4401
    assert redeem(world, account, code)[0] == 401
    assert refresh(world, account, old)[0] == 401
    assert all_status(world, account, token=token)[0] == 401
    assert login(world, account)[0] == 200


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        (Asked.LOGIN, lambda world, account: login(world, account)),
        (Asked.CODE, lambda world, account: redeem(world, account, account.make_code())),
        (
            Asked.REFRESH,
            lambda world, account: refresh(world, account, account.refresh_token),
        ),
    ],
)
def test_every_step_can_be_refused_and_counted(
    world: World, account: Account, kind: Asked, act: Any
) -> None:
    account.faults.answers[kind] = Answer.REFUSED
    assert act(world, account)[0] == 401
    del account.faults.answers[kind]
    assert act(world, account)[0] == 200
    assert account.counters.refused[kind] == 1
    assert account.counters.count(kind) == 2
    assert account.counters.most_within(LIMIT, kind) == 2
    assert account.counters.most_within(0.0, kind) == 0


def test_a_refused_code_is_not_used_up(world: World, account: Account) -> None:
    code = account.make_code()
    account.faults.answers[Asked.CODE] = Answer.REFUSED
    assert redeem(world, account, code)[0] == 401
    account.faults.answers.clear()
    assert redeem(world, account, code)[0] == 200


@pytest.mark.parametrize("secret", ["sha1", "plain"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_goes_back_with_code_and_state_as_it_came(
    world: World, account: Account, method: str, secret: str
) -> None:
    state = "a:b/c~d"
    page = f"{PAGE}?client_id=shelly-diy&redirect_uri={quote(BACK, safe='')}&state={quote(state)}"
    status, _, body = ask(world, "my.shelly.cloud", "GET", page)
    assert status == 200
    assert BACK in body.decode()
    password = account.sha1 if secret == "sha1" else account.password
    given = {"email": account.email, "password": password}
    if method == "GET":
        query = "&".join(f"{name}={quote(value)}" for name, value in given.items())
        status, headers, _ = ask(world, "my.shelly.cloud", "GET", f"{page}&{query}")
    else:
        hidden = re.findall(r'name="(\w+)" value="([^"]*)"', body.decode())
        status, headers, _ = ask(world, "my.shelly.cloud", "POST", PAGE, dict(hidden) | given)
    assert status == 302
    assert headers["Location"].startswith(f"{BACK}?code=")
    assert headers["Location"].endswith(f"&state={state}")
    code = parse_qs(urlsplit(headers["Location"]).query)["code"][0]
    assert redeem(world, account, code)[0] == 200


def test_the_page_does_not_let_everybody_in_or_go_anywhere(world: World, account: Account) -> None:
    account.faults.lock_after = 5
    page = f"{PAGE}?client_id=shelly-diy&redirect_uri={quote(BACK)}"
    status, headers, body = ask(world, "my.shelly.cloud", "GET", f"{page}&email={account.email}")
    assert (status, "Location" in headers) == (200, False)
    assert b"wrong" in body
    for wrong in ("client_id=other", "redirect_uri=javascript:x", "state=%0d%0aX:y"):
        assert ask(world, "my.shelly.cloud", "GET", f"{page}&{wrong}")[0] == 400
    world.account_api.redirects = re.compile(r"https://home\.example/.*")
    assert ask(world, "my.shelly.cloud", "GET", page)[0] == 400
    assert world.login_url == f"https://localhost:{world.port}{PAGE}"


def test_tokens_expire_and_can_end_the_socket(world: World, account: Account) -> None:
    account.token_lifetime = 0.3
    account.faults.close_at_expiry = True
    token = account.make_token()
    with connect(world, account, token) as client:
        assert client.closed() == 4401
    assert refused(lambda: connect(world, account, token)) == 401
    assert all_status(world, account, token=token)[0] == 401
    world.host(HOSTS[1]).faults.refused_status = 403
    assert refused(lambda: connect(world, account, token)) == 403


def test_a_socket_outlives_its_token_unless_told_otherwise(world: World, account: Account) -> None:
    account.token_lifetime = 0.2
    with connect(world, account) as client:
        assert not world.wait_for(lambda: world.host(HOSTS[1]).counters.open_now == 0, 0.4)
        assert client.quiet()


def test_tokens_are_good_at_the_account_s_host_only(world: World, account: Account) -> None:
    token = account.make_token()
    account.move(HOSTS[0])
    assert account.host == HOSTS[0]
    assert claims(account.make_token())["user_api_url"] == f"https://{HOSTS[0]}"
    assert all_status(world, account, token=token)[0] == 401
    assert all_status(world, account)[0] == 200


@pytest.mark.parametrize(
    ("changed", "usable"),
    [
        ({"exp": None}, True),
        ({"user_api_url": "https://elsewhere.example"}, True),
        ({"user_api_url": ["https://x"]}, True),
        ({"user_api_url": None}, True),
        ({"exp": 10}, False),
        ({"sub": "other"}, False),
    ],
)
def test_tokens_can_say_anything(
    world: World, account: Account, changed: dict[str, Any], usable: bool
) -> None:
    account.faults.token_claims = changed
    token = redeem(world, account, account.make_code())[1]["access_token"]
    said = (
        claims(token)
        if usable
        else jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
    )
    for name, value in changed.items():
        assert said.get(name) == value
    assert (all_status(world, account, token=token)[0] == 200) is usable
    account.faults.code_claims = {"user_api_url": "http://x"}
    assert claims(account.make_code())["user_api_url"] == "http://x"


def test_all_that_was_issued_is_a_secret(world: World, account: Account) -> None:
    code = login(world, account)[1]["data"]["code"]
    answer = redeem(world, account, code)[1]
    old = account.refresh_token
    account.change_password("new one")
    known = set(world.secrets)
    assert {code, answer["access_token"], old, "correct horse", "new one", account.sha1} <= known
    assert json.dumps(list(world.api.counters.requests)).count("/oauth/") == 2


def test_accounts_are_told_apart(world: World, account: Account) -> None:
    with pytest.raises(ValueError, match=r"me@example\.org already"):
        world.add_account("me@example.org")
    other = world.add_account("you@example.org")
    assert other.host == HOSTS[0]
    assert len(other.password) > 10
    assert other.user_id != account.user_id
    assert [one.email for one in world.accounts] == ["me@example.org", "you@example.org"]
