"""Authlib, unmodified, as a relying party and as a service; and relying parties that behave like
Grafana and oauth2-proxy: they send what these send, and read what these read."""

import asyncio
import base64
import hashlib
import json
import os
import secrets
from urllib.parse import parse_qs, urlencode, urlparse

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from human import authorize, check

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
URL = os.environ["DOORWARD_URL"]
NAME = os.environ["HUMAN_NAME"]
CALLBACK = os.environ["CALLBACK"]
CLIENT, SECRET = os.environ["PARTY_CLIENT"], os.environ["PARTY_SECRET"]
DISCOVERED = requests.get(f"{URL}/.well-known/openid-configuration", timeout=30).json()

# The tokens of this run are valid for seconds: the library renews them itself.
RENEWED = {"token_endpoint": DISCOVERED["token_endpoint"], "leeway": 1}


def verified(id_token: str, nonce: str | None = None) -> dict:
    """The claims of an ID token, as a library verifies them by the published keys."""
    keys = KeySet.import_key_set(requests.get(DISCOVERED["jwks_uri"], timeout=30).json())
    token = jwt.decode(id_token, keys, algorithms=DISCOVERED["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={"iss": {"value": URL}, "aud": {"value": CLIENT}},
        params={"nonce": nonce, "client_id": CLIENT},
    )
    claims.validate()
    return dict(claims)


def go(url: str) -> str:
    """The user at the browser; answers the URL of the callback."""
    return asyncio.run(authorize(url))


def authlib() -> None:
    session = OAuth2Session(
        CLIENT,
        SECRET,
        scope="openid profile email groups offline_access",
        redirect_uri=CALLBACK,
        token_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
        **RENEWED,
    )
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    url, state = session.create_authorization_url(
        DISCOVERED["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    token = session.fetch_token(
        DISCOVERED["token_endpoint"], authorization_response=go(url), state=state, code_verifier=verifier
    )
    claims = verified(token["id_token"], nonce)
    check(claims["preferred_username"] == NAME, "Authlib: the ID token names the user")
    told = session.get(DISCOVERED["userinfo_endpoint"]).json()
    check(told["sub"] == claims["sub"], "Authlib: userinfo is about the same user")
    fresh = session.refresh_token(DISCOVERED["token_endpoint"])
    check(verified(fresh["id_token"])["sub"] == claims["sub"], "Authlib: refreshed")


def service() -> None:
    session = OAuth2Session(
        os.environ["SECRET_CLIENT"],
        os.environ["SECRET"],
        token_endpoint_auth_method="client_secret_basic",
        **RENEWED,
    )
    token = session.fetch_token(DISCOVERED["token_endpoint"], grant_type="client_credentials", scope="mcp:read")
    check(token["scope"] == "mcp:read", "Authlib: a service gets a token")
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
    answer = session.post(f"{URL}/mcp", json=call, headers=headers).json()
    check(
        answer["result"]["structuredContent"]["name"] == os.environ["SERVICE"],
        "Authlib: a tool is called as the service",
    )


def code_of(scope: str, more: dict) -> tuple[str, str]:
    """The code of an authorization request as golang.org/x/oauth2 writes it, and the verifier."""
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": CLIENT,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": scope,
        "state": state,
        **more,
    }
    back = parse_qs(urlparse(go(f"{DISCOVERED['authorization_endpoint']}?{urlencode(query)}")).query)
    assert back["state"] == [state], back
    return back["code"][0], verifier


def redeemed(code: str, verifier: str) -> dict:
    """golang.org/x/oauth2 tries Basic first, with form-encoded halves."""
    form = {"code": code, "code_verifier": verifier, "grant_type": "authorization_code", "redirect_uri": CALLBACK}
    answer = requests.post(DISCOVERED["token_endpoint"], data=form, auth=(CLIENT, SECRET), timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def grafana() -> None:
    # `generic_oauth`: no nonce; the claims of the ID token first, then those of `api_url`.
    tokens = redeemed(*code_of("openid profile email groups", {"access_type": "online"}))
    payload = tokens["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    check(claims["preferred_username"] == NAME, "like Grafana: login_attribute_path")
    headers = {"Authorization": f"{tokens['token_type']} {tokens['access_token']}"}
    told = requests.get(DISCOVERED["userinfo_endpoint"], headers=headers, timeout=30).json()
    check("auditor" in told["groups"], "like Grafana: role_attribute_path reads the groups")
    check(told["email"] == f"{NAME}@example.com", "like Grafana: the e-mail address")


def oauth2_proxy() -> None:
    # The provider `oidc`: discovery, a nonce, verification of the ID token, groups and e-mail
    # address from it, `approval_prompt` as it is sent by default.
    check(DISCOVERED["issuer"] == URL, "like oauth2-proxy: the issuer is the configured one")
    nonce = secrets.token_urlsafe(32)
    code, verifier = code_of("openid profile email groups", {"approval_prompt": "force", "nonce": nonce})
    claims = verified(redeemed(code, verifier)["id_token"], nonce)
    check(claims["groups"] == ["auditor"], "like oauth2-proxy: oidc_groups_claim")
    check(claims["email"] == f"{NAME}@example.com", "like oauth2-proxy: email_domains")


authlib()
service()
grafana()
oauth2_proxy()
