"""Canaille on loopback, as an external identity provider: RS512, a mandatory nonce, auth_time with fractions, aud as a list,
no email_verified, a two-page login, consent."""

import datetime
import sys

from canaille import create_app
from joserfc import jwk
from werkzeug.serving import make_server

port, doorward = sys.argv[1:3]
key = jwk.RSAKey.generate_key(2048, auto_kid=True)
app = create_app(
    {
        "SECRET_KEY": "tests",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory"},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)], "REQUIRE_NONCE": True},
    }
)

from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402

with app.app_context():
    keep = Backend.instance.save
    grace = models.User(
        user_name="grace",
        formatted_name="Grace Hopper",
        family_name="Hopper",
        given_name="Grace",
        emails=["grace@navy.example"],
        password="correct horse battery",
    )
    keep(grace)
    keep(models.Group(display_name="admirals", members=[grace]))
    client = models.Client(
        client_id="doorward",
        client_secret="s3:cret+with/odd&chars=",
        client_name="Doorward",
        redirect_uris=[f"{doorward}/login/navy/callback"],
        post_logout_redirect_uris=[f"{doorward}/logout"],
        response_types=["code"],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="client_secret_basic",
        id_token_signed_response_alg="RS512",
        scope=["openid", "profile", "email", "groups"],
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
    )
    keep(client)
    client.audience = [client]
    keep(client)

server = make_server("127.0.0.1", int(port), app, threaded=True)
print("ready", flush=True)
server.serve_forever()
