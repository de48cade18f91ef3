from __future__ import annotations

import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.web.consent_url import consent_url

PAGE = "https://my.shelly.cloud/integrator.html"


@pytest.mark.parametrize("public", ["https://b.example.org/x", "https://b.example.org/x/"])
def test_the_callback_is_one_encoded_parameter(public: str) -> None:
    url = consent_url(PAGE, "ITG_TEST", public, "se-c_ret")
    assert url == (f"{PAGE}?itg=ITG_TEST&cb=https%3A%2F%2Fb.example.org%2Fx%2Fconsent%2Fse-c_ret")
    assert parse_qs(urlsplit(url).query) == {
        "itg": ["ITG_TEST"],
        "cb": ["https://b.example.org/x/consent/se-c_ret"],
    }


def test_a_page_may_have_a_query_of_its_own() -> None:
    url = consent_url(f"{PAGE}?lang=de", "a b&c", "https://b.example.org", "s")
    assert parse_qs(urlsplit(url).query) == {
        "lang": ["de"],
        "itg": ["a b&c"],
        "cb": ["https://b.example.org/consent/s"],
    }


def test_neither_it_nor_the_registry_loads_a_web_server() -> None:
    code = (
        "import sys, bridge.store, bridge.web.consent_url\n"
        "print({'flask', 'jwt', 'cryptography', 'waitress'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
