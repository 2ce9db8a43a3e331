#!/usr/bin/env python3
"""A small core API beside Sluice, the file to copy: it mints tokens, receives, verifies and dedupes callbacks, and serves a page
that plays. Proves that a platform needs nothing but its own standard library to use the service.

    SLUICE_URL              where Sluice answers               http://127.0.0.1:8082
    SLUICE_JWT_SECRET       signs who may call the API         the same as Sluice's
    SLUICE_PLAYBACK_SECRET  signs who may hear a track         the same as Sluice's
    SLUICE_CALLBACK_SECRET  whsec_..., signs the callbacks     the same as Sluice's
    SLUICE_CORE_API_KEY     what Sluice sends in X-API-Key     the same as Sluice's; unset: not looked at
    CORE_PORT               where this listens                 3000; 0 picks a free one

Sluice calls it when SLUICE_CORE_URL=http://127.0.0.1:3000 is set there. `core_api.py token [user]` prints a bearer token for curl."""
import base64, collections, hashlib, hmac, html, http.server, json, os, re, sys, threading, time

SLUICE = os.environ.get("SLUICE_URL", "http://127.0.0.1:8082").rstrip("/")
CORE_KEY = os.environ.get("SLUICE_CORE_API_KEY")

def secret(name):
    return os.environ.get(name) or sys.exit(f"core_api: set {name} to the value that Sluice has")

# ---- tokens: three lines of JWT ------------------------------------------------------------------------------------
def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

def jwt(key, **claims):
    signed = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + b64(json.dumps(claims).encode())
    return signed + "." + b64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())

def api_token(user, permissions=("UploadAudio", "StreamAudio", "ManageTracks")):
    """Who may call Sluice's API: Authorization: Bearer <this>."""
    now = int(time.time())
    return jwt(secret("SLUICE_JWT_SECRET"), sub=user, tenant="default", type="access", iat=now, exp=now + 3600,
               permissions=list(permissions))

def playback_url(track):
    """Who may hear one track, for four hours; nothing is asked of Sluice for it."""
    token = jwt(secret("SLUICE_PLAYBACK_SECRET"), aud="playback", track=track, tenant="default", exp=int(time.time()) + 4 * 3600)
    return f"{SLUICE}/stream/{token}/{track}/index.m3u8"

# ---- callbacks: verify, then believe; count each webhook-id once ------------------------------------------------------
class Refused(Exception):
    pass

def verified(fields, body):
    """The event, when the signature over the very bytes is right (Standard Webhooks 1.0) and not older than five minutes."""
    key = base64.b64decode(secret("SLUICE_CALLBACK_SECRET").removeprefix("whsec_"))
    ident, at = fields.get("webhook-id", ""), fields.get("webhook-timestamp", "")
    if CORE_KEY and not hmac.compare_digest(fields.get("x-api-key", ""), CORE_KEY):
        raise Refused("X-API-Key is not ours")
    if not at.isdigit() or abs(time.time() - int(at)) > 300:
        raise Refused("the timestamp is too old, or missing")
    expected = base64.b64encode(hmac.new(key, f"{ident}.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    # Several signatures while secrets rotate: one that is right is enough.
    offered = [s[3:] for s in fields.get("webhook-signature", "").split() if s.startswith("v1,")]
    if not any(hmac.compare_digest(s, expected) for s in offered):
        raise Refused("no signature is right")
    return ident, json.loads(body)

lock = threading.Lock()
seen = collections.OrderedDict()    # webhook-ids; a real core API keeps them in its database, unique
tracks = {}                         # id -> the newest event about it

def receive(outcome, track, ident, event):
    """True the first time. A repeat is answered like the first, so that Sluice stops sending it."""
    with lock:
        if ident in seen:
            return False
        seen[ident] = True
        if len(seen) > 100_000:
            seen.popitem(last=False)
        if event.get("sequence", 0) >= tracks.get(track, {}).get("sequence", -1):
            tracks[track] = {"outcome": outcome, "sequence": event.get("sequence", 0), "data": event.get("data", {})}
        return True

# ---- the page ---------------------------------------------------------------------------------------------------------
PAGE = """<!doctype html><meta charset=utf-8><title>%(track)s</title>
<h1>%(track)s</h1><audio id=a controls></audio><p id=s role=status>Loading</p>
<script>
const source = %(url)s, audio = document.getElementById("a"), said = new Set()
function tell(what, more = {}) {
  document.getElementById("s").textContent = what
  if (said.has(what)) return
  said.add(what)
  fetch("/tracks/%(track)s/played", {method: "POST", body: JSON.stringify({what, at: audio.currentTime, duration: audio.duration, ...more})})
}
audio.ontimeupdate = () => { if (audio.currentTime > 1) tell("playing") }
audio.onended = () => tell("ended")
audio.onerror = () => tell("failed", {error: audio.error && audio.error.message})
const text = async url => { const r = await fetch(url); if (!r.ok) throw new Error(r.status + " " + url); return [await r.text(), r.url] }
const lines = t => t.split("\\n").map(l => l.trim())
async function play() {
  // Only where ManagedMediaSource exists is native HLS the better player (Safari); others that claim it ignore edit lists.
  if ("ManagedMediaSource" in window) { audio.src = source; return audio.play() }
  const [top, base] = await text(source), all = lines(top)
  const stream = all.findIndex(l => l.startsWith("#EXT-X-STREAM-INF"))
  const codecs = /CODECS="([^"]+)"/.exec(all[stream])[1]
  const [list, here] = await text(new URL(all.slice(stream + 1).find(l => l && l[0] != "#"), base))
  const parts = [/#EXT-X-MAP:.*URI="([^"]+)"/.exec(list)[1], ...lines(list).filter(l => l && l[0] != "#")]
  const media = new MediaSource()
  audio.src = URL.createObjectURL(media)
  await new Promise(done => media.onsourceopen = done)
  const buffer = media.addSourceBuffer(`audio/mp4; codecs="${codecs}"`)
  for (const part of parts) {
    const r = await fetch(new URL(part, here))
    if (!r.ok) throw new Error(r.status + " " + part)
    const bytes = await r.arrayBuffer()
    await new Promise((done, fail) => { buffer.onupdateend = done; buffer.onerror = fail; buffer.appendBuffer(bytes) })
  }
  media.endOfStream()
  return audio.play()
}
play().catch(e => tell("failed", {error: String(e)}))
</script>"""

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", kind="text/html; charset=utf-8"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self, limit=1 << 20):
        length = int(self.headers.get("Content-Length") or 0)
        if length > limit:
            raise Refused("the body is too long")
        return self.rfile.read(length)

    def do_POST(self):
        try:
            body = self.body()
            if m := re.fullmatch(r"/api/v1/internal/tracks/([\w-]+)/(stream-ready|stream-failed|quarantined)", self.path):
                ident, event = verified({k.lower(): v for k, v in self.headers.items()}, body)
                first = receive(m[2], m[1], ident, event)
                say("callback", outcome=m[2], track=m[1], id=ident, type=event.get("type"), first=first)
                return self.answer(204)
            if m := re.fullmatch(r"/tracks/([\w-]+)/played", self.path):
                say("played", track=m[1], **json.loads(body))
                return self.answer(204)
            self.answer(404)
        except (Refused, ValueError) as e:
            say("refused", path=self.path, why=str(e))
            self.answer(401 if isinstance(e, Refused) else 400, str(e).encode(), "text/plain")

    def do_GET(self):
        if m := re.fullmatch(r"/tracks/([\w-]+)", self.path):
            url = json.dumps(playback_url(m[1])).replace("<", "\\u003c")
            return self.answer(200, (PAGE % {"track": m[1], "url": url}).encode())
        if self.path == "/":
            with lock:
                rows = "".join(f'<li><a href="/tracks/{t}">{html.escape(t)}</a> {e["outcome"]}' for t, e in tracks.items())
            return self.answer(200, f"<!doctype html><title>Tracks</title><h1>Tracks</h1><ul>{rows}</ul>".encode())
        self.answer(404)

    def log_message(self, *_):
        pass

def say(event, **more):
    """One JSON line on stdout for everything that happens."""
    print(json.dumps({"event": event, **more}), flush=True)

if __name__ == "__main__":
    if sys.argv[1:2] == ["token"]:
        sys.exit(print(api_token(sys.argv[2] if len(sys.argv) > 2 else "user-1")))
    secret("SLUICE_CALLBACK_SECRET")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("CORE_PORT", "3000"))), Handler)
    say("listening", url=f"http://127.0.0.1:{server.server_address[1]}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
