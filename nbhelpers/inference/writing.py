"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to; it becomes `path` when the block ends well and is removed when it does not.

    So a full disk, an error or Ctrl-C leaves what stood at `path` as it was. The temporary file lies in the same
    folder, which is made if it is missing: a rename is atomic only within one disk. OSError names `path`, unless it
    is about another file, which the block read.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # some file systems find out only now that the disk is full
        os.replace(temporary, path)
    except OSError as error:
        if error.filename and Path(error.filename) not in (temporary, *temporary.parents):
            raise
        kept = "the file of this name is as it was before" if path.exists() else "nothing was left behind"
        raise OSError(
            error.errno,
            f"{path} was not written ({error.strerror or error}); {kept}: make room, or write elsewhere",
        ) from error
    finally:
        if temporary.exists():  # not so by missing_ok, which raises where a folder above is a file
            temporary.unlink()
