"""Sign-in with an OpenID Connect provider, as Streamlit's ``st.login`` does it: its routes and its signed cookie.

The door needs to know who it is before Streamlit runs a script, so it reads Streamlit's cookie with Streamlit's own functions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

ROUTES = ("/auth/login", "/auth/logout", "/oauth2callback")

_LONGEST = 0.5  # days for which a sign-in is valid, as for the code of a class


def sign_in() -> str:
    """Return the address that begins a sign-in; it is valid for a few minutes. Raises StreamlitError if none is configured."""
    return generate_login_redirect_url("default")


def claimed(cookies: Mapping[str, str]) -> tuple[str, str]:
    """Return what identifies the person of Streamlit's cookie, and the name to show; empty if nobody has signed in.

    A person is identified by the e-mail address, or by the provider's own number (``sub``) if the address is not verified. Other
    claims, such as a user name, are chosen by users at some providers.
    """
    secret = get_cookie_secret()

    def single(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value, max_age_days=_LONGEST) if value else None

    try:
        user = json.loads(get_cookie_with_chunks(single, USER_COOKIE_NAME) or b"{}")
    except ValueError:
        return "", ""
    if not isinstance(user, dict) or not user.get("is_logged_in"):
        return "", ""
    email = user.get("email") if user.get("email_verified", True) in (True, "true") else None
    identified = str(email or user.get("sub") or "")[:200]
    return identified, str(user.get("name") or identified)[:200]
