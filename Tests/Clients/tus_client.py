"""PyPI's tuspy and aiotus, as a test drives them: `tus_client.py WHAT ENDPOINT KEY FILE …`; prints the upload's address.

tuspy            the whole file in chunks, each with its checksum
tuspy-half DIR   the first half; where it is, is remembered in DIR
tuspy-rest DIR   goes on from what the server says it has
aiotus           the whole file, trying again as long as the server is away
aiotus-parts     four parts at once, joined by concatenation
"""

import asyncio
import io
import sys
from pathlib import Path

import aiotus
from tusclient import client
from tusclient.storage import filestorage

what, endpoint, key, file, *rest = sys.argv[1:]
path = Path(file)
headers = {"X-API-Key": key}
size = path.stat().st_size


def tuspy(stop_at=None, folder=None):
    storage = filestorage.FileStorage(f"{folder}/urls.json") if folder else None
    uploader = client.TusClient(endpoint, headers=headers).uploader(
        file_path=file,
        chunk_size=65_536,
        metadata={"filename": path.name},
        upload_checksum=True,
        store_url=bool(folder),
        url_storage=storage,
    )
    began = uploader.offset
    uploader.upload(stop_at=stop_at)
    print(uploader.url, began, uploader.offset)


class Slow(io.BytesIO):
    """A file whose every piece takes a moment, so that something can happen meanwhile."""

    def read(self, count=-1):
        if count > 0:
            import time

            time.sleep(0.02)
        return super().read(count)


async def whole():
    config = aiotus.RetryConfiguration(retry_attempts=60, max_retry_period_seconds=1)
    return await aiotus.upload(
        endpoint, Slow(path.read_bytes()), {"filename": path.name.encode()}, config=config, headers=headers, chunksize=16_384
    )


async def parts():
    data = path.read_bytes()
    step = -(-size // 4)
    pieces = [io.BytesIO(data[first : first + step]) for first in range(0, size, step)]
    return await aiotus.upload_multiple(endpoint, pieces, {"filename": path.name.encode()}, headers=headers)


if what == "tuspy":
    tuspy()
elif what == "tuspy-half":
    tuspy(stop_at=size // 2, folder=rest[0])
elif what == "tuspy-rest":
    tuspy(folder=rest[0])
elif what == "aiotus":
    print(asyncio.run(whole()))
elif what == "aiotus-parts":
    print(asyncio.run(parts()))
else:
    sys.exit(__doc__)
