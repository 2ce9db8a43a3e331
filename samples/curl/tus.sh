#!/bin/bash
# A file by tus 1.0 with curl alone: `samples/curl/tus.sh FILE`. Half of it, then the offset is asked for, then the rest; last in
# two parts at once, joined. SLUICE_URL says where (http://127.0.0.1:8082); SLUICE_KEY is a key of `bin/sluice keys create`.
set -euo pipefail

file=${1:?usage: tus.sh FILE}
url=${SLUICE_URL:-http://127.0.0.1:8082}
key=${SLUICE_KEY:?set SLUICE_KEY to a key: bin/sluice keys create --name curl}

tus() { curl -sS --fail-with-body -H "X-API-Key: $key" -H 'Tus-Resumable: 1.0.0' "$@"; }
# One field of an answer's head.
field() { tr -d '\r' | sed -n "s/^$1: //Ip"; }
base64_of() { base64 -w 0; }
bytes='Content-Type: application/offset+octet-stream'

size=$(stat -c %s "$file")
half=$((size / 2))
metadata="filename $(basename "$file" | tr -d '\n' | base64_of),sha256 $(sha256sum "$file" | cut -d ' ' -f 1 | tr -d '\n' | base64_of)"

tus -o /dev/null -D - -X OPTIONS "$url/files" | field Tus-Extension

made=$(tus -o /dev/null -D - -X POST "$url/files" -H "Upload-Length: $size" -H "Upload-Metadata: $metadata")
location=$(field Location <<<"$made")
track=$(field X-Track-Id <<<"$made")
echo "upload $location of track $track"

# The first half, whose bytes count only if they have this SHA-1.
sum=$(head -c "$half" "$file" | openssl dgst -sha1 -binary | base64_of)
head -c "$half" "$file" |
    tus -o /dev/null -X PATCH "$location" -H "$bytes" -H 'Upload-Offset: 0' -H "Upload-Checksum: sha1 $sum" --data-binary @-

# The line was cut: what the server says is on its disk.
offset=$(tus -I "$location" | field Upload-Offset)
echo "after the cut $offset of $size bytes are there"
tail -c +$((offset + 1)) "$file" |
    tus -o /dev/null -X PATCH "$location" -H "$bytes" -H "Upload-Offset: $offset" --data-binary @-

# The same file once more, as two parts that travel at once.
part() {
    made=$(tus -o /dev/null -D - -X POST "$url/files" -H "Upload-Length: $2" -H 'Upload-Concat: partial' -H "$bytes" --data-binary @-)
    field Location <<<"$made" >"$1"
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -c "$half" "$file" | part "$folder/1" "$half" &
tail -c +$((half + 1)) "$file" | part "$folder/2" $((size - half))
wait
joined=$(tus -o /dev/null -D - -X POST "$url/files" -H "Upload-Metadata: $metadata" \
    -H "Upload-Concat: final;$(cat "$folder/1") $(cat "$folder/2")")
echo "joined as $(field Location <<<"$joined")"

for name in "$track" "$(field X-Track-Id <<<"$joined")"; do
    state=
    for ((i = 0; i < 600; i++)); do
        state=$(curl -sS -H "X-API-Key: $key" "$url/v1/tracks/$name" | sed -n 's/.*"state":"\([a-z]*\)".*/\1/p')
        case $state in ready | failed | quarantined) break ;; esac
        sleep 0.2
    done
    echo "track $name: $state"
    [ "$state" = ready ]
done
