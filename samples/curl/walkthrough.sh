#!/bin/bash
# From a file to a playlist with curl alone: `samples/curl/walkthrough.sh FILE`. Proves that an upload in chunks goes on after a cut.
# SLUICE_URL says where (http://127.0.0.1:8082); SLUICE_KEY is a key that `bin/sluice keys create` printed.
set -euo pipefail

file=${1:?usage: walkthrough.sh FILE}
url=${SLUICE_URL:-http://127.0.0.1:8082}
key=${SLUICE_KEY:?set SLUICE_KEY to a key: bin/sluice keys create --name curl}

# One string or number out of a JSON answer; enough for flat names, no jq needed.
value() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
call() { curl -sS --fail-with-body -H "X-API-Key: $key" "$@"; }

size=$(stat -c %s "$file")
created=$(call -X POST "$url/v1/uploads" -H 'Content-Type: application/json' -H "Idempotency-Key: $(sha256sum "$file" | cut -c1-32)-$$" \
    -d "{\"filename\":\"$(basename "$file")\",\"size\":$size,\"chunkSize\":65536}")
upload=$(value id <<<"$created")
track=$(value trackId <<<"$created")
chunkSize=$(value chunkSize <<<"$created")
chunkCount=$(value chunkCount <<<"$created")
echo "upload $upload of track $track: $chunkCount chunks of $chunkSize bytes"

send() {
    dd if="$file" bs="$chunkSize" skip="$1" count=1 status=none |
        call -o /dev/null -X PUT "$url/v1/uploads/$upload/chunks/$1" -H 'Content-Type: application/octet-stream' --data-binary @-
}

# The first half; then the line is cut, and the server is asked what it has. What it says it has is on its disk.
for ((index = 0; index < chunkCount / 2; index++)); do send "$index"; done
missing=$(call "$url/v1/uploads/$upload" | sed -n 's/.*"missing":\[\([0-9,]*\)\].*/\1/p')
echo "after the cut these are missing: $missing"
for index in ${missing//,/ }; do send "$index"; done
call -o /dev/null -X POST "$url/v1/uploads/$upload/complete" -H 'Content-Type: application/json' -d '{}'

state=
for ((i = 0; i < 600; i++)); do
    now=$(call "$url/v1/tracks/$track" | value state)
    [ "$now" = "$state" ] || echo "state: $now"
    state=$now
    case $state in ready | failed | quarantined) break ;; esac
    sleep 0.2
done
[ "$state" = ready ]
playlist=$(call -X POST "$url/v1/tracks/$track/playback" -H 'Content-Type: application/json' -d '{}' | value url)
echo "$playlist"
curl -sS --fail "$playlist" | head -n 1
