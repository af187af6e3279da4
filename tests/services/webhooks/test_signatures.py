"""Signatures: the vectors of both schemes, and an independent verifier."""

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from jobrunner.errors import InvalidInput
from jobrunner.services.webhooks.signatures import (
    check_secret,
    espo_signature,
    new_secret,
    old_espo_signature,
    sign,
)

BODY = b'[{"id":"1"}]'
ESPO_SECRET = "0123456789abcdef0123456789abcdef"


def signed(*secrets: str, body: bytes = BODY, timestamp: int | None = None, **options: bool) -> dict[str, str]:
    return sign(
        secrets,
        webhook_id="abc",
        message_id="msg_01J8XQ",
        timestamp=round(time.time()) if timestamp is None else timestamp,
        body=body,
        **options,
    )


# Vectors


def test_vector_of_standard_webhooks():
    headers = sign(
        ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"],
        webhook_id="abc",
        message_id="msg_1",
        timestamp=1674087231,
        body=BODY,
    )
    assert headers["webhook-signature"] == "v1,cUVEZc/5vcJx+rzosd3XmH8PzXiq4CAiXpvH9GS396Q="
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "1674087231"


def test_vectors_of_espocrm():
    expected = "YWJjOmUyYWY2Y2ExMjgyNGMxZTI3ZWZhMTNhMWQ4OWY5MDhkZDZiMzBmYTc3N2JlMWEzMjJmZDZlOTg0OWVlOGUxZjc="
    assert espo_signature("sec", "abc", BODY) == expected
    assert old_espo_signature("sec", "abc", BODY) == "YWJjOuKvbKEoJMHifvoTodifkI3Wsw+nd74aMi/W6YSe6OH3"


def test_espocrm_receivers_verify_by_the_text_of_the_secret():
    """As its documentation tells a receiver to."""
    for secret in (ESPO_SECRET, new_secret()):
        text = secret.removeprefix("whsec_")
        headers = signed(secret, espo_header=True)
        digest = hmac.new(text.encode(), BODY, hashlib.sha256)
        assert headers["Signature"] == b64encode(b"abc:" + digest.hexdigest().encode()).decode()
        assert headers["X-Signature"] == b64encode(b"abc:" + digest.digest()).decode()


def test_the_older_header_is_an_option():
    assert "X-Signature" not in signed(new_secret())


# The independent verifier


@pytest.mark.parametrize(
    "secret",
    [new_secret(), "whsec_" + b64encode(b"k" * 24).decode(), ESPO_SECRET],
    ids=["new", "shortest", "EspoCRM"],
)
@pytest.mark.parametrize("body", [BODY, '{"type":"Account.create","data":{"name":"Žižkov 🦊"}}'.encode()])
def test_the_independent_package_verifies(secret: str, body: bytes):
    assert Webhook(secret).verify(body, signed(secret, body=body)) == json.loads(body)


def test_the_independent_package_refuses_another_body_time_id_or_secret():
    secret = new_secret()
    headers = signed(secret)
    for wrong in (
        headers | {"webhook-id": "msg_2"},
        headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
        signed(secret, timestamp=round(time.time()) - 600),
        signed(new_secret()),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY, wrong)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers)


def test_all_live_secrets_sign_and_the_newest_is_first():
    """While a rotation is under way, receivers with either secret verify."""
    secrets = [new_secret() for _ in range(3)]
    headers = signed(*secrets)
    for secret in secrets:
        Webhook(secret).verify(BODY, headers)
    signatures = headers["webhook-signature"].split(" ")
    assert len(signatures) == 3
    assert headers["Signature"] == signed(secrets[0])["Signature"]
    alone = signed(secrets[0], timestamp=int(headers["webhook-timestamp"]))
    assert signatures[0] == alone["webhook-signature"]


# Secrets


def test_a_new_secret_is_random_and_passes():
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert check_secret(secret) == secret
        assert len(b64decode(secret.removeprefix("whsec_"))) == 32


@pytest.mark.parametrize(
    "secret", ["whsec_" + b64encode(b"k" * 24).decode(), "whsec_" + b64encode(b"k" * 64).decode(), ESPO_SECRET]
)
def test_a_secret_is_taken_as_it_is(secret: str):
    assert check_secret(secret) == secret


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "secret-canary",
        "whsec_secret-canary",
        "whsec_" + b64encode(b"k" * 23).decode(),
        "whsec_" + b64encode(b"k" * 65).decode(),
        "whsec_" + b64encode(b"k" * 32).decode().rstrip("="),
        "whsec_" + b64encode(b"k" * 31 + b"\xff").decode()[:-2] + "9=",
        b64encode(b"k" * 32).decode(),
        ESPO_SECRET + "\r\nX-Header: canary",
        ESPO_SECRET + "\n",
        "whsec_" + b64encode(b"k" * 32).decode() + "\r\n",
        ESPO_SECRET[:31],
        "Ä" * 32,
        "０" * 32,
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(secret: str):
    """H14."""
    with pytest.raises(InvalidInput) as caught:
        check_secret(secret)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
