"""What `make site-test` holds the built site to: pages, pictures, networks, and that building it again changes nothing.

Outside of `make test`, which needs neither Sphinx nor a browser.
"""

import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from hashlib import sha256
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import nbformat
import numpy as np
import psutil
import pytest
import torch

from nbhelpers.datasets import Street
from nbhelpers.iris import load_segmenter
from tools.classroom import slides
from tools.classroom.__main__ import REVEAL
from tools.execution import ROOT
from tools.lesson_map import lessons
from tools.page import page as page_of
from tools.site.__main__ import OUT
from tools.site.networks import LARGEST, eyes
from tools.train_street import street_network

PAGES = sorted(path.relative_to(OUT).as_posix() for path in OUT.rglob("*.html"))
NODE = shutil.which("node")


class Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address():
    """A plain server, without any header of its own, as GitHub's pages are."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=OUT))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def browser(task: str, *arguments: str) -> dict:
    command = [NODE, str(ROOT / "docs" / "tests" / "browser.mjs"), task, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def seen(address) -> dict:
    return browser("networks", address)


# Pages


def test_there_are_pages_of_all_kinds():
    kinds = {page.partition("/")[0] for page in PAGES if "/" in page}
    assert {"notebooks", "live", "reference", "errors"} <= kinds
    assert {f"notebooks/{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")} <= set(PAGES)


def test_no_page_has_a_fault_wide_or_narrow_light_or_dark(address):
    """axe-core's rules, overflow at 360 pixels, errors of scripts, and requests to anywhere else."""
    found = browser("pages", address, *PAGES)
    assert len(found) == 2 * len(PAGES)
    assert {page: faults for page, faults in found.items() if faults} == {}


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[str | None] = []
        self.links: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list) -> None:
        values = dict(attributes)
        if tag == "img":
            self.pictures.append(values.get("alt"))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        self.names |= {values[key] for key in ("id", "name") if values.get(key)}


@pytest.fixture(scope="module")
def read() -> dict[str, Reader]:
    found = {}
    for name in PAGES:
        found[name] = Reader()
        found[name].feed((OUT / name).read_text("utf-8"))
    return found


def test_no_picture_lacks_its_words(read):
    """MyST-NB puts the name of a file where ours are due; alt texts of a figure say what is in it."""
    without = {
        page: [
            alt for alt in reader.pictures if not alt or not alt.strip() or re.search(r"\.(png|jpe?g)$", alt)
        ]
        for page, reader in read.items()
    }
    assert {page: alts for page, alts in without.items() if alts} == {}
    assert sum(len(reader.pictures) for reader in read.values()) > 200


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_picture_lacks_its_words_in_the_page_of_make_run(path):
    reader = Reader()
    reader.feed(page_of(nbformat.read(path, as_version=4), path.parent, path.stem))
    pictures = [alt for alt in reader.pictures if alt != "No description has been provided for this image"]
    assert pictures and len(pictures) == len(reader.pictures) and all(alt and alt.strip() for alt in pictures)


def test_links_between_pages_lead_somewhere(read):
    gone = []
    for page, reader in read.items():
        for link in reader.links:
            path, _, anchor = link.partition("#")
            if ":" in path:
                continue
            target = (OUT / page).parent.joinpath(path).resolve() if path else OUT / page
            if target.is_dir():
                target /= "index.html"
            name = target.relative_to(OUT).as_posix() if target.is_relative_to(OUT) else ""
            if not target.is_file() or (anchor and name in read and anchor not in read[name].names):
                gone.append(f"{page}: {link}")
    assert gone == []


def test_every_page_says_what_made_it():
    for page in PAGES:
        assert re.search(
            r"Built from (commit [0-9a-f]{7,} of \d{4}|a copy).* by python 3", (OUT / page).read_text("utf-8")
        ), page


# Networks in the page


def test_the_iris_in_the_page_is_pythons(seen):
    network, data = load_segmenter(), eyes()
    for one in seen["iris"]:
        index = int(re.search(r"\d+", one["eye"])[0])
        with torch.inference_mode():
            logits = network(torch.from_numpy(data.read(index)[0]).permute(2, 0, 1)[None] / 255)
        expected = logits.softmax(dim=1)[0, 1].numpy().ravel()
        assert np.abs(np.array(one["probability"]) - expected).max() < 1e-3


def test_the_street_in_the_page_is_pythons(seen):
    network, data = street_network(), Street("test")
    assert {one["index"] for one in seen["street"]} == {0, 17}
    for one in seen["street"]:
        with torch.inference_mode():
            logits = network(torch.from_numpy(data.read(one["index"])[0]).permute(2, 0, 1)[None] / 255)
        expected = logits.softmax(dim=1)[0].numpy().ravel()
        assert np.abs(np.array(one["probabilities"]) - expected).max() < 1e-3


def test_the_scores_in_the_page_are_those_of_the_package(seen):
    from nbhelpers.metrics import Surfaces

    network, data = street_network(), Street("test")
    for one in seen["threshold"]:
        image, mask = data.read(one["index"])
        with torch.inference_mode():
            logits = network(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
        found = logits.softmax(dim=1)[0, one["id"]].numpy() > one["threshold"]
        truth, void = mask == one["id"], mask == 255
        found &= ~void
        assert one["dice"] == pytest.approx(2 * (found & truth).sum() / (found.sum() + truth.sum()), abs=1e-3)
        assert one["iou"] == pytest.approx((found & truth).sum() / (found | truth).sum(), abs=1e-3)
        assert float(one["hd95"]) == pytest.approx(Surfaces(found, truth, void=void).hd95, abs=1e-3)


def test_the_iris_finder_keeps_up_with_a_camera(seen):
    """Five frames a second on two cores that have nothing else to do; the fastest frame counts."""
    frames = sorted(seen["frames"])
    print(
        f"iris finder: {frames[0]:.0f} ms a frame at best, {median(frames):.0f} in the middle of {len(frames)}"
    )
    assert "milliseconds a frame" in seen["camera"]
    if psutil.getloadavg()[1] > 2 + psutil.cpu_count():  # the browser itself keeps some of them busy
        pytest.skip("the machine has other work, so its frames tell nothing")
    assert frames[0] < 200


def test_a_scene_is_shown_in_three_ways_and_its_pixel_moves_by_keys(seen):
    assert len(set(seen["views"].values())) == 3
    before, after = (
        re.match(r"row (\d+), column (\d+): truth .* the network says", text) for text in seen["pixel"]
    )
    assert (int(after[1]), int(after[2])) == (int(before[1]) + 1, int(before[2]))


def test_a_pasted_message_finds_its_sentence(seen):
    assert seen["error"].startswith("masks are bool, but must be integers")


def test_words_are_found_and_the_menu_opens_by_a_key(seen):
    assert any("DeepLabV3" in title for title in seen["search"])
    assert seen["menu"] == 0  # its left edge, which lies outside while it is closed


def test_on_paper_there_is_the_lesson_alone_and_all_of_it(seen):
    printed = seen["printed"]
    assert printed.pop("answers") > 3
    assert printed == {"beside": 0, "hidden": 0, "cut": 0}


def test_without_scripts_a_picture_stands_in(seen):
    assert seen["fallbacks"] == {f"live/{name}.html": [1, 0] for name in ("iris", "street", "threshold")}


def test_nothing_fails_or_leaves_the_site(seen):
    assert seen["faults"] == []


def test_networks_are_small():
    sizes = {path.name: path.stat().st_size for path in (OUT / "_static" / "networks").glob("*.onnx")}
    assert set(sizes) == {"iris.onnx", "street.onnx"} and max(sizes.values()) <= LARGEST


# Slides of make classroom


def test_nothing_is_larger_than_its_slide(tmp_path):
    slides.write_reveal(REVEAL, tmp_path / "reveal.js")
    for name, notebook in lessons().items():
        (tmp_path / f"{name}.html").write_text(slides.page(notebook, name, "reveal.js"), "utf-8")
    found = browser("slides", tmp_path.as_uri(), *(f"{name}.html" for name in lessons()))
    assert all(slides.FEWEST <= deck["total"] <= slides.MOST for deck in found.values())
    assert {name: deck["faults"] for name, deck in found.items() if deck["faults"]} == {}


# Building it again


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_building_it_again_changes_no_byte(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "tools.site", "--out", str(tmp_path / "site")], cwd=ROOT, check=True
    )
    first, second = fingerprints(OUT), fingerprints(tmp_path / "site")
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} == set()
