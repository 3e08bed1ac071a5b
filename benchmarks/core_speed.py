"""What the package's own code costs beside an older build: drawing, the way to an iris code, imports, inference.

Both builds run in turns, each measurement in a process of its own, on one thread with AVX2 and fp32 forced, in CPU
seconds; the least of the rounds counts. A ratio is the old build's cost over this one's: above 1, this one is faster.
Inference is compared with SMP's or torchvision's own eager model on one 1 x 3 x 224 x 224 image: by `predict`; and by
`predict` with the exported file, which is what the folder command runs. onnxruntime takes all instructions that a processor
has, and cannot be held to AVX2, so the exported file is compared in a process of its own in which torch has them all, too.
Run: python -m benchmarks.core_speed [street kept eye imports inference]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.lessons_cost import HELD_TO, OLD, checked_out
from tools.execution import ROOT
from tools.record import RESULTS, record

STREET = """
from nbhelpers.datasets import Street
street = Street("train", (72, 96))
street.read(0)
def job():
    for index in range(60):
        street.read(index)
"""
KEPT = """
from nbhelpers.datasets import Street, in_memory
job = lambda: in_memory(Street("train", (72, 96)), limit=60)
job()
"""
EYE = """
import torch
from nbhelpers.datasets import Eyes
from nbhelpers.inference import predict
from nbhelpers.iris import NoIris, iris_code, load_segmenter
torch.set_num_threads(1)
segmenter, eyes = load_segmenter(), Eyes("test", (240, 320))
images = [eyes[index][0] for index in range(12)]
def job():
    for image in images:
        mask = predict(segmenter, image, stride=1, ids=True).numpy() == 1
        try:
            iris_code(image.numpy(), mask)
        except NoIris:
            pass
job()
"""
EXPORTED = "inference with all instructions"
INSTRUCTIONS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")  # of HELD_TO, those that hold back a processor
CLOCK = """
import time
started = time.process_time()
job()
print(time.process_time() - started)
"""


def first_imports(root: Path, name: str) -> str:
    """The cell of imports of a lesson, and what its set-up cell imports."""
    notebook = json.loads((root / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return f"from nbhelpers.notebook import setup\n{cells[1]}\nimport time\nprint(time.process_time())"


def cpu_seconds(program: str, root: Path, cache: Path) -> float:
    environ = os.environ | HELD_TO | {"PYTHONPATH": str(root), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=environ, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])


def in_turns(programs: dict[str, str], roots: dict[str, Path], cache: Path, rounds: int) -> dict:
    """The least CPU seconds of each build, and old over new."""
    seconds = {build: [] for build in roots}
    for _ in range(rounds):
        for build, root in roots.items():
            seconds[build].append(cpu_seconds(programs[build], root, cache))
    least = {build: min(each) for build, each in seconds.items()}
    return {build: round(value, 3) for build, value in least.items()} | {
        "old / new": round(least["old"] / least["new"], 2)
    }


def inference(exported: bool) -> dict:
    """By network: milliseconds of theirs, of `predict`, or of `predict` with the `exported` file, and the ratios.

    Weights lie channels last, as `fit` leaves them, and for comparison as they are built.
    """
    import copy
    import time

    import torch

    from benchmarks.zoo_speed import PAIRS
    from nbhelpers.inference import OnnxModel, export, predict

    torch.set_num_threads(1)
    rows, image = {}, torch.rand(3, 224, 224)
    for name, (ours, theirs) in PAIRS.items():
        if not name.endswith(("SMP", "torchvision")):
            continue
        built, other = ours().eval(), theirs().eval()
        model = copy.deepcopy(built).to(memory_format=torch.channels_last)
        jobs = {
            "theirs": lambda other=other: other(image[None]),
            "predict": lambda model=model: predict(model, image),
        }
        rows[name] = {}
        if exported:
            with tempfile.TemporaryDirectory() as folder:
                export(model, Path(folder) / "model.onnx")
                session = OnnxModel(Path(folder) / "model.onnx")
            jobs["predict, exported"] = lambda session=session: predict(session, image)
            equal = (predict(model, image) - predict(session, image)).abs().max().item()
            rows[name]["largest difference of a probability"] = float(f"{equal:.1g}")
        else:
            jobs["predict, as built"] = lambda built=built: predict(built, image)
        seconds: dict[str, list[float]] = {job: [] for job in jobs}
        with torch.inference_mode():
            for turn in range(6):
                for job, run in jobs.items():
                    started = time.process_time()
                    run()
                    if turn:  # the first prepares
                        seconds[job].append(time.process_time() - started)
        least = {job: min(each) for job, each in seconds.items()}
        rows[name] |= {f"{job}, ms": round(1000 * value) for job, value in least.items()}
        rows[name] |= {f"theirs / {job}": round(least["theirs"] / least[job], 2) for job in [*jobs][1:]}
    return rows


def all_instructions() -> dict[str, str]:
    """The environment, without what holds back a processor."""
    return {name: value for name, value in os.environ.items() if name not in INSTRUCTIONS}


def printed(program: str, environ: dict[str, str]) -> dict:
    """What `program` prints last, as JSON, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    what = ("street", "kept", "eye", "imports", "inference")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core_speed", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(what)}; default: all")
    parser.add_argument("--old", default=OLD, help=f"the commit to compare with; default: {OLD}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each build runs (3)")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(what):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(what)}")
    if not HELD_TO.items() <= os.environ.items():  # torch reads them as it is imported
        command = [sys.executable, "-m", "benchmarks.core_speed", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | HELD_TO)
    path = RESULTS / "core_speed.json"
    results = json.loads(path.read_text())["results"] if path.exists() else {}
    with checked_out(options.old) as old, tempfile.TemporaryDirectory() as cache:
        roots = {"old": old, "new": ROOT}
        for row in options.rows or what:
            if row == "inference":
                results[row] = inference(exported=False)
                results[EXPORTED] = printed(
                    "import json; from benchmarks.core_speed import inference; "
                    "print(json.dumps(inference(exported=True)))",
                    all_instructions(),
                )
                print(EXPORTED, results[EXPORTED], flush=True)
            elif row == "imports":
                lessons = ("02_unet_from_scratch", "03_unet_smp", "17_iris_segmentation")
                results[row] = {
                    name: in_turns(
                        {build: first_imports(root, name) for build, root in roots.items()},
                        roots,
                        Path(cache),
                        options.rounds,
                    )
                    for name in lessons
                }
            else:
                program = {"street": STREET, "kept": KEPT, "eye": EYE}[row] + CLOCK
                results[row] = in_turns(dict.fromkeys(roots, program), roots, Path(cache), options.rounds)
            print(row, results[row], flush=True)
            record("core_speed", results, "python -m benchmarks.core_speed")


if __name__ == "__main__":
    main()
