#!/bin/bash
# A file by IETF resumable uploads with curl alone: `samples/curl/ietf.sh FILE`. Half of it, then the offset is asked for, then
# the rest. SLUICE_URL says where (http://127.0.0.1:8082); SLUICE_KEY is a key of `bin/sluice keys create`.
set -euo pipefail

file=${1:?usage: ietf.sh FILE}
url=${SLUICE_URL:-http://127.0.0.1:8082}
key=${SLUICE_KEY:?set SLUICE_KEY to a key: bin/sluice keys create --name curl}

call() { curl -sS --fail-with-body -H "X-API-Key: $key" "$@"; }
# One field of an answer's last head: progress may be told before it.
field() { tr -d '\r' | sed -n "s/^$1: //Ip" | tail -n 1; }
digest() { printf 'sha-256=:%s:' "$(openssl dgst -sha256 -binary | base64 -w 0)"; }

size=$(stat -c %s "$file")
half=$((size / 2))

call -o /dev/null -D - -X OPTIONS "$url/files" | field Upload-Limit

made=$(head -c "$half" "$file" | call -o /dev/null -D - -X POST "$url/files" \
    -H 'Upload-Complete: ?0' -H "Upload-Length: $size" -H 'Content-Type: application/octet-stream' \
    -H "Content-Disposition: attachment; filename=\"$(basename "$file")\"" -H "Repr-Digest: $(digest <"$file")" --data-binary @-)
location=$(field Location <<<"$made")
track=$(field X-Track-Id <<<"$made")
echo "upload $location of track $track"

# The line was cut: what the server says is on its disk.
offset=$(call -I "$location" | field Upload-Offset)
echo "after the cut $offset of $size bytes are there"
tail -c +$((offset + 1)) "$file" | call -o /dev/null -D - -X PATCH "$location" \
    -H "Upload-Offset: $offset" -H 'Upload-Complete: ?1' -H 'Content-Type: application/partial-upload' \
    -H "Content-Digest: $(tail -c +$((offset + 1)) "$file" | digest)" --data-binary @- | field Repr-Digest

state=
for ((i = 0; i < 600; i++)); do
    state=$(call "$url/v1/tracks/$track" | sed -n 's/.*"state":"\([a-z]*\)".*/\1/p')
    case $state in ready | failed | quarantined) break ;; esac
    sleep 0.2
done
echo "track $track: $state"
[ "$state" = ready ]
