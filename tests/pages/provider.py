"""Shared by tests: an OpenID Connect provider in this process, which lets everyone in."""

from __future__ import annotations

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class Provider:
    """An OpenID Connect provider that lets everyone in as ``email``."""

    def __init__(self) -> None:
        self.email = "ann@school.example"
        self._key = RSAKey.generate_key(2048, {"kid": "1"})
        self._nonces: dict[str, str] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def secrets(self, server: str) -> str:
        """Return the file of secrets of a server at an address."""
        return f"""[auth]
redirect_uri = "{server}/oauth2callback"
cookie_secret = "{secrets.token_hex(32)}"
client_id = "class"
client_secret = "{secrets.token_hex(16)}"
server_metadata_url = "{self.address}/.well-known/openid-configuration"
"""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        place = urlsplit(request.path)
        if place.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(place.query).items()}
            code = secrets.token_hex(8)
            self._nonces[code] = asked["nonce"]
            request.send_response(302)
            request.send_header("Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
            request.end_headers()
        elif place.path == "/jwks":
            self._tell(request, {"keys": [self._key.as_dict(private=False)]})
        else:
            places = {"jwks_uri": "jwks", "authorization_endpoint": "authorize", "token_endpoint": "token"}
            self._tell(request, {"issuer": self.address, **{name: f"{self.address}/{end}" for name, end in places.items()}})

    def post(self, request: BaseHTTPRequestHandler) -> None:
        form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        claims = {"iss": self.address, "aud": "class", "sub": "1", "email": self.email, "nonce": self._nonces[form["code"][0]]}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 60}  # type: ignore[dict-item]
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self._key)
        self._tell(request, {"access_token": "x", "token_type": "Bearer", "id_token": token})

    @staticmethod
    def _tell(request: BaseHTTPRequestHandler, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
