#!/bin/bash
# A file of the media API with curl alone: `samples/curl/media.sh TYPE FILE`, TYPE such as lesson_audio or character. Proves that
# what was scanned is at its address byte by byte, that who has no key gets it only where the type is public, and that it goes.
# SLUICE_URL says where (http://127.0.0.1:8082); SLUICE_KEY is a key that `bin/sluice keys create` printed.
set -euo pipefail

type=${1:?usage: media.sh TYPE FILE} file=${2:?usage: media.sh TYPE FILE}
url=${SLUICE_URL:-http://127.0.0.1:8082}
key=${SLUICE_KEY:?set SLUICE_KEY to a key: bin/sluice keys create --name curl}
call() { curl -sS --fail-with-body -H "X-API-Key: $key" "$@"; }

address=$(call -F "file=@$file" "$url/api/v6/media/$type")
echo "address: $address"
name=${address##*/}
call "$url/api/v6/media/${name%%.*}"
echo
call "$address" | cmp - "$file" && echo "the same bytes"
call -r 0-15 "$address" | cmp - <(head -c 16 "$file") && echo "the same first 16 bytes by Range"
echo "without a key: $(curl -sS -o /dev/null -w '%{http_code}' "$address")"
echo "deleted: $(call -X DELETE -o /dev/null -w '%{http_code}' "$url/api/v6/media/${name%%.*}")"
echo "after that: $(curl -sS -o /dev/null -w '%{http_code}' -H "X-API-Key: $key" "$address")"
