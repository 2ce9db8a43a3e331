#!/usr/bin/python3
"""OpenStack Swift with its S3 face, whole in one process, for tests: account, container, object and proxy server of Debian's
packages, one device, one replica. Everything lies below the folder named; what is there from an earlier run is served on.

    openstack_swift.py FOLDER PORT      user test:tester, secret testing

One process, so that a test can freeze or kill the whole store with one signal."""
import os, sys, time

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
import eventlet

eventlet.monkey_patch()
# No power cut is part of any promise that is tested here.
os.fsync = os.fdatasync = lambda _: None
import eventlet.wsgi
from swift.common import storage_policy, utils

folder, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])


class MemoryCache:
    """What the cache filter gives the others: memcached's place, for one process."""

    def __init__(self):
        self.kept = {}

    def get(self, key, **_):
        value, until = self.kept.get(key, (None, 0))
        return value if not until or until > time.time() else None

    def set(self, key, value, time=0, **_):
        self.kept[key] = (value, self.now() + time if time else 0)

    def incr(self, key, delta=1, time=0, **_):
        value = int(self.get(key) or 0) + delta
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0, **_):
        return self.incr(key, -delta, time)

    def delete(self, key, **_):
        self.kept.pop(key, None)

    @staticmethod
    def now():
        return time.time()


def cache_factory(*_, **__):
    cache = MemoryCache()

    def make(app):
        def call(environ, start):
            environ["swift.cache"] = cache
            return app(environ, start)

        return call

    return make


def write(name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def configure(ports):
    from swift.common.ring import RingBuilder

    write("swift.conf", """[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = only
default = yes
""")
    write("proxy.conf", f"""[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 20
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
paste.filter_factory = openstack_swift:cache_factory
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
storage_domain = localhost
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_reader = reading
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:copy]
use = egg:swift#copy
""")
    for kind, number in ports.items():
        extra = "disk_chunk_size = 1048576\n" if kind == "object" else ""
        write(f"{kind}.conf", f"""[DEFAULT]
devices = {folder}/devices
mount_check = false
swift_dir = {folder}
[app:{kind}-server]
use = egg:swift#{kind}
{extra}[pipeline:main]
pipeline = {kind}-server
""")
        builder = RingBuilder(4, 1, 0)
        builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": number, "device": "d1", "weight": 1.0,
                         "replication_ip": "127.0.0.1", "replication_port": number})
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, f"{kind}.ring.gz"))


def main():
    # The filters are found by this file's name.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.makedirs(os.path.join(folder, "devices", "d1"), exist_ok=True)
    listeners = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in ("account", "container", "object")}
    # Before the rings are made: they and the paths on the device depend on its hash.
    utils.SWIFT_CONF_FILE = os.path.join(folder, "swift.conf")
    configure({kind: socket.getsockname()[1] for kind, socket in listeners.items()})
    utils.validate_hash_conf()
    storage_policy.reload_storage_policies()
    from swift.common.wsgi import loadapp

    class Quiet:
        def write(self, *_):
            pass

        def flush(self):
            pass

    def serve(kind, socket):
        app = loadapp(os.path.join(folder, f"{kind}.conf"), global_conf={"log_name": kind})
        eventlet.spawn(eventlet.wsgi.server, socket, app, log=Quiet(), debug=False, max_size=1024)

    for kind, socket in listeners.items():
        serve(kind, socket)
    serve("proxy", eventlet.listen(("127.0.0.1", port), backlog=512))
    print("listening", flush=True)
    while True:
        eventlet.sleep(3600)


if __name__ == "__main__":
    main()
