"""Requests of every odd kind and what botocore signs them with, as JSON: the tests compare our signatures with these.

    signatures.py COUNT"""
import datetime, json, random, sys, urllib.parse
from unittest import mock

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

chance = random.Random(20261121)
SIGNS = "abcXYZ019-._~ !\"#$%&'()*+,/:;<=>?@[\\]^`{|}äπ漢😀"


def text(longest, least=0):
    return "".join(chance.choice(SIGNS) for _ in range(chance.randint(least, longest)))


def one():
    moment = datetime.datetime(2026, chance.randint(1, 12), chance.randint(1, 28), chance.randint(0, 23), chance.randint(0, 59))
    region = chance.choice(["us-east-1", "eu-central-1", "auto", "cn-north-1"])
    host = chance.choice(["bucket.s3.amazonaws.com", "127.0.0.1:9000", "store.example.com"])
    path = "/" + text(24)
    query = [[text(6, 1), text(6)] for _ in range(chance.randint(0, 4))]
    fields = [[f"x-amz-{name}", text(8, 1).strip().encode("ascii", "ignore").decode() or "v"]
              for name in chance.sample(["acl", "meta-a", "copy-source", "grant-read"], chance.randint(0, 3))]
    if chance.random() < 0.3:
        fields.append(["Content-Type", "text/plain;  charset=utf-8"])
    token = "token/+=" * 4 if chance.random() < 0.5 else None
    credentials = Credentials("AKID" + str(chance.randint(0, 999)), text(30, 5), token)
    encoded = "&".join(f"{urllib.parse.quote(a, safe='-_.~')}={urllib.parse.quote(b, safe='-_.~')}" for a, b in query)
    url = f"http://{host}{urllib.parse.quote(path, safe='/-_.~')}" + (f"?{encoded}" if encoded else "")
    method = chance.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
    presigned = chance.random() < 0.4
    payload = chance.choice(["UNSIGNED-PAYLOAD", "0" * 64])
    request = AWSRequest(method=method, url=url, headers=dict(fields))
    # Told what the body hashes to, it does not look at the body.
    with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: moment), \
            mock.patch("botocore.compat.get_current_datetime", lambda *_, **__: moment):
        if presigned:
            auth.S3SigV4QueryAuth(credentials, "s3", region, expires=chance.randint(1, 604800)).add_auth(request)
        else:
            request.headers["X-Amz-Content-SHA256"] = payload
            auth.S3SigV4Auth.payload = lambda self, _: payload
            auth.S3SigV4Auth(credentials, "s3", region).add_auth(request)
    parts = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query)) if presigned else {}
    authorization = request.headers.get("Authorization", "")
    return {"moment": int(moment.replace(tzinfo=datetime.timezone.utc).timestamp()), "region": region, "host": host, "path": path,
            "query": query, "fields": fields, "token": token, "key": credentials.access_key, "secret": credentials.secret_key,
            "method": method, "payload": payload, "expires": int(parts.get("X-Amz-Expires", 0)),
            "signature": parts.get("X-Amz-Signature") or authorization.rsplit("Signature=", 1)[-1]}


print(json.dumps([one() for _ in range(int(sys.argv[1]))]))
