"""An HTTPS server under an authority of its own, for tests: says "hello" to everything.

    https_server.py FOLDER      writes FOLDER/ca.pem and prints its port; its certificate is for localhost alone"""
import datetime, http.server, ssl, sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder = sys.argv[1]
now = datetime.datetime.now(datetime.timezone.utc)


def certificate(name, key, issuer, issuer_key, *extensions):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=issuer or subject, subject_name=subject, public_key=key.public_key(),
        serial_number=x509.random_serial_number(), not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=1))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(path, *parts):
    with open(f"{folder}/{path}", "wb") as file:
        file.write(b"".join(parts))


root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
root = certificate("Tests", root_key, None, root_key, (x509.BasicConstraints(True, 0), True))
leaf = certificate("localhost", key, root.subject, root_key, (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False))
pem("ca.pem", root.public_bytes(serialization.Encoding.PEM))
pem("server.pem", leaf.public_bytes(serialization.Encoding.PEM),
    key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
