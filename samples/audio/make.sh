#!/bin/bash
# Makes every test file with ffmpeg into a folder: `samples/audio/make.sh [FOLDER]`. What is there already stays.
set -euo pipefail

out=${1:-$(dirname "$0")/out}
mkdir -p "$out"

# Three gliding tones and a little noise a side, 12 s, of which both ends and every cut can be heard.
tones='0.25*sin(2*PI*(220+20*sin(t))*t)+0.15*sin(2*PI*1320*t)+0.02*(random(0)-0.5)|0.25*sin(2*PI*(280+20*sin(t))*t)+0.15*sin(2*PI*1410*t)+0.02*(random(1)-0.5)'

# make NAME OPTIONS...: whole or not at all, so that an interrupted run leaves no half file behind.
make() {
    local name=$1
    shift
    [ -e "$out/$name" ] && return
    ffmpeg -nostdin -v error -y "$@" "$out/part-$$-$name"
    mv "$out/part-$$-$name" "$out/$name"
}
song() { make "$1" -f lavfi -i "aevalsrc=$tones:s=44100:d=12" -metadata title=Lake -metadata artist=Sluice "${@:2}"; }

song song.flac -sample_fmt s16
song song-24.flac -sample_fmt s32 -bits_per_raw_sample 24
song song.wav -c:a pcm_s16le
song song.aiff -c:a pcm_s16be
song song.caf -c:a pcm_s16le
song song.mp3 -c:a libmp3lame -b:a 192k -id3v2_version 3
song song.ogg -c:a libvorbis -q:a 5
song song.opus -c:a libopus -b:a 96k
song song.m4a -c:a aac -b:a 160k -movflags +faststart
song song-moov-last.m4a -c:a aac -b:a 160k
song song.aac -c:a aac -b:a 160k -f adts
song song.mka -c:a flac
song song.webm -c:a libopus -b:a 96k
make long.flac -f lavfi -i "aevalsrc=$tones:s=48000:d=120" -sample_fmt s16
make silent-id3.mp3 -f lavfi -i "sine=440:d=3" -c:a libmp3lame -id3v2_version 0

# Cut in the middle of a frame: the head promises more than there is.
if [ ! -e "$out/truncated.flac" ]; then
    head -c "$(($(stat -c %s "$out/song.flac") * 6 / 10))" "$out/song.flac" >"$out/part-$$"
    mv "$out/part-$$" "$out/truncated.flac"
fi

# A letter, whatever its name says.
[ -e "$out/text.mp3" ] || printf 'Dear listener,\n\nthis is text, and no name makes it music.\n%.0s' {1..200} >"$out/text.mp3"

# The harmless test virus behind an ID3 tag of an MP3 that plays. Its text is joined here from two halves, so that this
# script is not itself found by a scanner.
if [ ! -e "$out/infected.mp3" ]; then
    first='X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD'
    second='-ANTIVIRUS-TEST-FILE!$H+H*'
    body=$(printf '%-256s' "$first$second")
    # ID3v2.3 with one TXXX frame: ten bytes of its head, encoding 0, an empty description, then the text.
    {
        printf 'ID3\003\000\000\000\000\002\014'
        printf 'TXXX\000\000\001\002\000\000'
        printf '\000\000%s' "$body"
        cat "$out/silent-id3.mp3"
    } >"$out/part-$$"
    mv "$out/part-$$" "$out/infected.mp3"
fi
echo "$out"
