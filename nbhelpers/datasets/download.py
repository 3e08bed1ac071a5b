"""Fetch a real data set: `python -m nbhelpers.datasets.download camvid`.

A set is written whole or not at all: it is unpacked and checked beside its place, and moved there last.
"""

import argparse
import gzip
import re
import shutil
import stat
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

import pooch
import requests

from nbhelpers.datasets.locate import data_folders
from nbhelpers.datasets.sources import SOURCES, Archive, Source

# what a bad archive raises; the last two are zipfile's where a version, a flag or a name in its directory is damaged
BROKEN = (
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    RuntimeError,
    IndexError,
)

GROWTH = 10  # times its own size an archive may become; pictures are compressed already, so it is about 1


def download(name: str, root: str | Path | None = None) -> Path:
    """Fetch the set `name`, a key of SOURCES, into `root` or else `data_folders()[0]`; returns its folder.

    A set that is there and complete is left as it is. Mirrors are tried in turn, and each failure prints a
    line. An archive that was fetched by hand is used if it lies in `root` under its own name.
    Raises OSError with all that was tried if nothing could be fetched, FileExistsError if the folder is
    there but incomplete, ValueError for an unknown name.
    """
    if name not in SOURCES:
        raise ValueError(f"{name!r} is no data set to fetch; it must be one of {', '.join(SOURCES)}")
    return install(SOURCES[name], data_folders(root)[0])


def install(source: Source, root: Path) -> Path:
    """Fetch, unpack and check `source` in `root`; as `download`, which finds both by name."""
    folder = root / source.folder
    if folder.exists():
        try:
            checked = [archive.check(folder) for archive in source.archives]
        except (ValueError, FileNotFoundError) as error:
            raise FileExistsError(
                f"{folder} is there but not complete ({error}); move it away first"
            ) from error
        print(f"{folder} is there already: {'; '.join(checked)}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as scratch:
        checked = [_obtain(archive, root, Path(scratch)) for archive in source.archives]
        (Path(scratch) / "unpacked").rename(folder)
    print(f"{folder}: {'; '.join(checked)}. Terms: {source.licence}")
    return folder


def _obtain(archive: Archive, root: Path, scratch: Path) -> str:
    """Bring the archive's files to `scratch/unpacked` from the first place that has them whole."""
    by_hand = root / archive.file
    failures = []
    for place in [by_hand] if by_hand.is_file() else archive.urls:
        attempt = Path(tempfile.mkdtemp(dir=scratch))
        try:
            path = _verified(place, archive) if place is by_hand else _fetch(place, archive, attempt)
            unpack(path, attempt / "files", archive.wanted)
            checked = archive.check(attempt / "files")
        except (requests.RequestException, FileNotFoundError, *BROKEN) as error:
            failures.append(f"{place}: {_reason(error)}")
            print(failures[-1], file=sys.stderr)
            shutil.rmtree(attempt)
        else:
            shutil.copytree(
                attempt / "files", scratch / "unpacked", dirs_exist_ok=True, copy_function=shutil.move
            )
            return checked
    raise OSError(
        f"{archive.file} could not be fetched. Tried:\n    "
        + "\n    ".join(failures)
        + f"\nWithout internet here, fetch {archive.urls[0]} elsewhere, save it as {by_hand}, and run this again."
    )


def _fetch(url: str, archive: Archive, folder: Path) -> Path:
    """Download to `folder` with a progress bar; a cut connection or a wrong checksum is tried three times."""
    fetcher = pooch.create(
        folder,
        base_url="",
        registry={archive.file: archive.checksum},
        urls={archive.file: url},
        retry_if_failed=2,
    )
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=30)
    return Path(fetcher.fetch(archive.file, downloader=downloader))


def _verified(path: Path, archive: Archive) -> Path:
    if archive.checksum is not None:
        algorithm, expected = archive.checksum.split(":")
        found = pooch.file_hash(str(path), alg=algorithm)
        if found != expected:
            raise ValueError(f"its {algorithm} checksum is {found}; it must be {expected}: fetch it again")
    return path


def unpack(archive: Path, folder: Path, wanted: str) -> None:
    """Write the members of a zip or tar file whose path matches `wanted` to `folder` / group 1 of the match.

    Raises ValueError, naming the member, if any member's path would leave the folder, if a wanted one is a
    link, if all together become more than GROWTH times the archive, or if none is wanted.
    """
    count, left = 0, GROWTH * max(archive.stat().st_size, 2**16)
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                link = stat.S_ISLNK(member.external_attr >> 16)
                if not member.is_dir() and (path := _destination(member.filename, link, folder, wanted)):
                    with opened.open(member) as content:  # zipfile checks each member's CRC
                        left -= _write(content, path, left, member.filename)
                    count += 1
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as opened:
            for member in opened:
                link = not (member.isfile() or member.isdir())
                if not member.isdir() and (path := _destination(member.name, link, folder, wanted)):
                    left -= _write(opened.extractfile(member), path, left, member.name)
                    count += 1
    else:
        raise ValueError(
            f"{archive.name} is neither a zip nor a tar file; it may be cut off, or an error page"
        )
    if count == 0:
        raise ValueError(f"{archive.name} holds none of the wanted files; it is not the expected archive")


def _destination(name: str, link: bool, folder: Path, wanted: str) -> Path | None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        raise ValueError(f"the member {name!r} would leave the folder; this archive is refused")
    match = re.fullmatch(wanted, str(path))
    if match is None:
        return None
    if link:
        raise ValueError(f"the member {name!r} is a link, not a file; this archive is refused")
    return folder / match[1]


def _write(content: IO[bytes], path: Path, most: int, name: str) -> int:
    """Write the member's content, of at most so many bytes; their number. What a header promises is not trusted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with content, path.open("wb") as file:
        while part := content.read(2**20):
            size += len(part)
            if size > most:
                raise ValueError(
                    f"with the member {name!r} it becomes more than {GROWTH} times its own size, as no archive of "
                    "pictures does; this archive is refused"
                )
            file.write(part)
    return size


def _reason(error: Exception) -> str:
    """The error in one plain line."""
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "no connection; is there internet here?"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut, three times"
    return " ".join(str(error).split()) or type(error).__name__


def main() -> int:
    listing = "\n".join(f"  {name:9} {source.size}, {source.licence}" for name, source in SOURCES.items())
    parser = argparse.ArgumentParser(
        prog="python -m nbhelpers.datasets.download",
        description=f"Fetch real data sets:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", metavar="name", choices=SOURCES, help=", ".join(SOURCES))
    parser.add_argument("--root", help="the data folder; default: $NBHELPERS_DATA, else data/")
    arguments = parser.parse_args()
    try:
        for name in arguments.names:
            download(name, arguments.root)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
