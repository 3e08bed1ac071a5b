"""What is told of the lessons' cost: the README's map (a picture from each, its question, its time), and their headers.

The times are those of benchmarks/results/notebooks.json, measured as the reference reader of tools/execution.py has them.

Run: python -m tools.lesson_map (`make notebooks` does).
"""

import base64
import io
import json
import re
from pathlib import Path

import nbformat
import PIL.Image
from nbformat import NotebookNode

from tools import readme
from tools.badges import badge_line, repository
from tools.execution import ROOT, is_code

START, END = "<!-- the map, written by tools/lesson_map.py -->", "<!-- end of the map -->"
PICTURES = "docs/lessons"
TAKES = re.compile(r"(?<=\*\*Takes\*\* )about .*? to run on two CPU cores(?: \([^)]*\))?")  # in a first cell
WIDTH = 320  # of a picture in the README, in pixels
LESSONS = {  # name: (its question, words of the cell whose picture stands for it; the first such cell that shows one)
    "01_start_here": ("What is a mask, and why can 90 % accuracy be worthless?", "show_tasks"),
    "02_unet_from_scratch": ("What are U-Net's skips for?", "show_predictions(network"),
    "03_unet_smp": ("What do a borrowed encoder and a start that has learnt buy?", "show_predictions"),
    "04_unet_fastai": ("What does progressive resizing save?", "show_comparison"),
    "05_fcn8": ("What do separable convolutions save, and what do they cost in score?", "show_alternatives"),
    "06_segnet": ("Indices or bilinear: how should a map grow?", "show_alternatives"),
    "07_unet_plusplus": (
        "Which depth is enough, and would a U-Net of equal cost do as well?",
        "show_nested(model, images[:1])",
    ),
    "08_fpn": ("Which level finds which size of object, and which one is needed?", "show_changes"),
    "09_pspnet": ("What does global context fix?", "show_error_kinds"),
    "10_gcn": ("How large must the kernel be?", "show_receptive_field"),
    "11_deeplabv3": ("Which atrous rates, at which output stride?", "show_receptive_field(fields)"),
    "12_deeplabv3plus": ("What does the decoder, the plus, bring?", "show_study"),
    "13_fc_densenet": ("Why so few parameters and so much memory?", "show_lines"),
    "14_fc_hardnet": ("Is it faster than its operations say?", "show_links"),
    "15_attention": ("Where does it look, and is it worth it?", "show_attention(networks"),
    "16_break_it": ("Eight broken trainings: what is wrong here?", "show_against"),
    "17_iris_segmentation": (
        "Which network finds the iris, and under which conditions does it fail?",
        "show_predictions([masks[name][most]",
    ),
    "18_kaggle_starter": (
        "From a competition's folder to a submission that scores, with the internet off?",
        "show_objects",
    ),
    "19_segformer": ("How much data does a transformer need here?", "show_attention("),
    "20_masks_by_queries": ("When do queries beat watershed?", "show_objects(rows, scores)"),
    "21_which_score": ("How often does the ranking of networks change with the score?", "photos[:3]"),
    "22_losses": ("Which loss, at which rarity?", "show_pulls(mask, start"),
    "23_your_labels": ("How does a mask go wrong between the annotation tool and the training?", "pairs[:3]"),
    "24_which_network": ("Which network, at equal steps and at equal time?", "show_ranking"),
    "25_iris_recognition": (
        "How does the error of recognition grow as the mask is degraded?",
        "show_rubber_sheet",
    ),
    "26_another_laboratory": (
        "Which augmentation carries over to another laboratory?",
        "show_measures(panels",
    ),
    "27_drawings_to_photographs": (
        "How many photographs is a drawing worth, and does an order of networks hold on them?",
        "titles=changed",
    ),
}


def title(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def cover(notebook: NotebookNode, name: str) -> tuple[bytes, str]:
    """The lesson's picture as a small JPEG, and the first sentence of its alt text.

    Raises ValueError where no cell with the words of `LESSONS` shows one.
    """
    words = LESSONS[name][1]
    for cell in notebook.cells:
        if not is_code(cell) or words not in cell.source:
            continue
        for output in cell.outputs:
            for kind in ("image/png", "image/jpeg"):
                if kind in output.get("data", {}):
                    alt = output.metadata[kind]["alt"]
                    return _small(base64.b64decode(output.data[kind])), _first_sentence(alt)
    raise ValueError(
        f"{name} has no cell of {words!r} that shows a picture: mend LESSONS in tools/lesson_map.py"
    )


def _small(picture: bytes) -> bytes:
    image = PIL.Image.open(io.BytesIO(picture)).convert("RGB")
    file = io.BytesIO()
    size = (WIDTH * 2, round(WIDTH * 2 * image.height / image.width))  # twice, for sharp screens
    image.resize(size, PIL.Image.Resampling.LANCZOS).save(file, "JPEG", quality=70, optimize=True)
    return file.getvalue()


def _first_sentence(alt: str) -> str:
    return re.sub(r'[\[\]|"<>]', "", re.split(r"(?<=[a-z\])%])[.;:] ", alt.strip())[0].rstrip("."))


def row(name: str, notebook: NotebookNode, alt: str, seconds: float) -> str:
    picture = f'<img src="{PICTURES}/{name}.jpg" alt="{alt}" width="{WIDTH}">'
    link = f"**[{name[:2]} {title(notebook)}](notebooks/{name}.ipynb)**"
    return (
        f"| {picture} | {link}<br>{LESSONS[name][0]}<br>{seconds:.0f} s | {badge_line(repository(), name)} |"
    )


def lessons() -> dict[str, NotebookNode]:
    return {
        path.stem: nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    }


def seconds_measured() -> dict[str, float]:
    costs = json.loads((ROOT / "benchmarks" / "results" / "notebooks.json").read_text("utf-8"))
    return {name: cost["seconds"] for name, cost in costs.items()}


def told(source: str, seconds: float) -> str:
    """A lesson's first cell with `seconds`, rounded, as the time after **Takes**.

    Raises ValueError where it does not say `about ... to run on two CPU cores`.
    """
    if not TAKES.search(source):
        raise ValueError("the first cell lacks **Takes** about ... to run on two CPU cores")
    step = 1 if seconds < 15 else 10  # so that no header is off by a quarter
    rounded = (
        f"{step * round(seconds / step)} s" if seconds < 95 else f"{round(2 * seconds / 60) / 2:g} minutes"
    )
    on_gpu = "(a GPU runs the long schedule, which was not timed)"
    return TAKES.sub(f"about {rounded} to run on two CPU cores {on_gpu}", source)


def seconds_told(source: str) -> float:
    """The seconds that a lesson's first cell promises."""
    number, unit = re.search(r"([\d.]+) (s|minutes?)\b", TAKES.search(source)[0]).groups()
    return float(number) * (1 if unit == "s" else 60)


def table() -> str:
    """The map as Markdown, from the notebooks and benchmarks/results/notebooks.json."""
    seconds = seconds_measured()
    rows = [
        row(name, notebook, cover(notebook, name)[1], seconds[name]) for name, notebook in lessons().items()
    ]
    return "\n".join(["| | its question, and its time on two cores | open it |", "|---|---|---|", *rows])


def main(root: Path = ROOT) -> None:
    for name, notebook in lessons().items():
        header = told(notebook.cells[0].source, seconds_measured()[name])
        if header != notebook.cells[0].source:
            notebook.cells[0].source = header
            nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    readme.write(root, START, END, table())
    folder = root / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    names = lessons()
    for name, notebook in names.items():
        (folder / f"{name}.jpg").write_bytes(cover(notebook, name)[0])
    for path in folder.glob("*.jpg"):
        if path.stem not in names:
            path.unlink()


if __name__ == "__main__":
    main()
