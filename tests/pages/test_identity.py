"""People of a class who are known by others than the door: a trusted proxy, and a sign-in with an OpenID Connect provider."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers

from gan.access.people import TEACHER
from pages.parts.door import identity, oidc
from tests.helpers import PROJECT, assert_one_sentence, environment
from tests.pages.conftest import Server, serving
from tests.pages.provider import Provider
from tests.pages.test_door import Answer, Browser

BASE = {"GAN_SPARE": "0", "GAN_EXAMPLES": "0", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1", "GAN_CLASS_TEACHERS": "kim@school.example"}


def test_a_proxy_says_who_it_is_and_proves_itself_by_a_secret(tmp_path: Path) -> None:
    extra = {**BASE, "GAN_CLASS": "header", "GAN_CLASS_SECRET": "s3cret", "GAN_CLASS_HEADER": "Remote-User"}
    with serving(tmp_path, lambda port: extra) as serve:
        server = serve(tmp_path / "runs")

        def ask(path: str = "/", **headers: str) -> int:
            return Browser(server).ask("GET", path, **headers).status

        assert ask() == ask(Remote_User="ann") == ask(Remote_User="ann", X_GAN_Proxy="wrong") == 401
        assert ask(X_GAN_Proxy="s3cret") == 401, "the proxy names nobody"
        assert ask(Remote_User="ann", X_GAN_Proxy="s3cret") == 200
        metrics = "/_stcore/metrics"
        assert ask(metrics, Remote_User="ann", X_GAN_Proxy="s3cret") == 403
        assert ask(metrics, Remote_User="Kim@school.example", X_GAN_Proxy="s3cret") == 200
        page = Browser(server).ask("GET", "/", Accept="text/html")
        assert page.status == 401 and "Not signed in" in page.body and "<form" not in page.body
        assert Browser(server).join("Ann", "ABC-DEF").status == 401, "a code opens nothing here"


def test_a_proxy_that_can_be_passed_by_is_refused(tmp_path: Path) -> None:
    extra = {**BASE, "GAN_CLASS": "header", "STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless", "true", "--server.port", "0"]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment(tmp_path, extra), capture_output=True, text=True, timeout=60, check=False
    )
    done.stderr = "".join(line for line in done.stderr.splitlines(keepends=True) if "proxy" in line)  # Streamlit says more
    assert "GAN_CLASS_SECRET" in assert_one_sentence(done)


def test_the_same_claim_is_the_same_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CLASS_TEACHERS", " kim@school.example, Lee ")
    assert identity.by_name("lee") == identity.by_name("KIM@school.example") == TEACHER
    ann = identity.by_name("ann@school.example")
    assert ann == identity.by_name("Ann@School.example").model_copy(update={"name": ann.name})
    assert ann.id != identity.by_name("bo@school.example").id and len(identity.by_name("x" * 200).name) == 30
    assert identity.by_name("teacher").id != TEACHER.id, "a name of the teacher's does not make a teacher"


class Jar(Browser):
    """Keeps all cookies and follows the addresses that it is sent to, at either server."""

    cookies: dict[str, str]

    def follow(self, path: str) -> Answer:
        """Return the last answer; the cookies are those of the class."""
        self.cookies = getattr(self, "cookies", {})
        where = path
        for _ in range(8):
            place = urlsplit(where)
            is_here = not place.netloc or self.server.address.endswith(place.netloc)
            other = self if is_here else Browser(Server(self.server.process, f"http://{place.netloc}"))
            self.cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            answer = other.ask("GET", f"{place.path}?{place.query}", Accept="text/html")
            if is_here:
                for name, value in re.findall(r"(?:^|, )([\w-]+)=([^;]+)", answer.headers.get("set-cookie", "")):
                    self.cookies[name] = value
            if not (where := answer.headers.get("location", "")):
                return answer
        raise AssertionError("no end of redirections")


def test_a_header_that_the_client_sent_as_well_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CLASS", "header")
    once, twice = ([(b"x-forwarded-user", name) for name in names] for names in ((b"ann",), (b"kim", b"ann")))
    assert identity.person_of({}, Headers(raw=once)) == identity.by_name("ann")
    assert identity.person_of({}, Headers(raw=twice)) is None


@pytest.mark.parametrize(
    ("user", "identified"),
    [
        ({"email": "a@x", "sub": "1", "is_logged_in": True}, "a@x"),
        ({"email": "a@x", "email_verified": True, "sub": "1", "is_logged_in": True}, "a@x"),
        ({"email": "a@x", "email_verified": False, "preferred_username": "a@x", "sub": "1", "is_logged_in": True}, "1"),
        ({"preferred_username": "a@x", "sub": "1", "is_logged_in": True}, "1"),
        ({"email": "a@x", "is_logged_in": False}, ""),
        ([], ""),
    ],
)
def test_only_what_users_cannot_choose_identifies_them(monkeypatch: pytest.MonkeyPatch, user: object, identified: str) -> None:
    monkeypatch.setattr(oidc, "get_cookie_with_chunks", lambda read, name: json.dumps(user).encode())
    assert oidc.claimed({})[0] == identified


def test_a_sign_in_with_an_account(tmp_path: Path) -> None:
    def extra(port: int) -> dict[str, str]:
        path = tmp_path / "secrets.toml"
        path.write_text(provider.secrets(f"http://127.0.0.1:{port}"))
        return {**BASE, "GAN_CLASS": "oidc", "STREAMLIT_SECRETS_FILES": str(path)}

    with closing(Provider()) as provider, serving(tmp_path, extra) as serve:
        server = serve(tmp_path / "runs")
        nobody = Browser(server)
        assert "Sign in" in nobody.ask("GET", "/", Accept="text/html").body
        assert nobody.ask("GET", "/_stcore/host-config").status == 401
        ann = Jar(server)
        assert ann.follow("/door?sign-in=1").status == 200
        assert "ann@school.example" in ann.ask("GET", "/door", Accept="text/html").body
        assert ann.ask("GET", "/_stcore/metrics").status == 403
        forged = Browser(server, ann.cookie.replace("_streamlit_user=", "_streamlit_user=x"))
        assert forged.ask("GET", "/_stcore/host-config").status == 401
        provider.email = "kim@school.example"
        teacher = Jar(server)
        teacher.follow("/door?sign-in=1")
        assert teacher.ask("GET", "/_stcore/metrics").status == 200
