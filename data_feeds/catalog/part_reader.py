"""Read a channel's parts: check each file's hash and decode it into the final arrays."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

from data_feeds.catalog.index import StoredPart
from data_feeds.catalog.integrity import broken
from data_feeds.catalog.parts import decode_into
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKey, empty_columns

# Hashing and decoding release the interpreter, so two files are read at a time.
_THREADS = 2


def read_parts(folder: Path, key: ChannelKey, parts: Sequence[StoredPart]) -> Channel:
    """Return the rows of some parts of a channel, in their order.

    Raises
    ------
    FileNotFoundError : a file is missing: a writer replaced it, or somebody removed it.
    IntegrityError : a file differs from the written file.
    """
    columns = empty_columns(key, sum(part.rows for part in parts))
    starts = accumulate((part.rows for part in parts[:-1]), initial=0)

    def fill(part: StoredPart, first: int) -> None:
        raw = _checked_bytes(folder, key, part)
        try:
            held = decode_into(raw, columns, first, part.rows)
        except SchemaError as error:
            raise broken(folder, key, part, str(error)) from error
        if held != part.rows:
            raise broken(folder, key, part, f"holds {held} rows, not {part.rows}")

    if len(parts) == 1:
        fill(parts[0], 0)
    else:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(fill, parts, starts))
    return Channel(key, columns)


def _checked_bytes(folder: Path, key: ChannelKey, part: StoredPart) -> bytes:
    try:
        raw = (folder / part.file).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise broken(folder, key, part, f"cannot be read: {error.strerror}") from error
    if hashlib.sha256(raw).hexdigest() != part.sha256:
        raise broken(folder, key, part, f"differs from the written file ({len(raw)} bytes)")
    return raw
