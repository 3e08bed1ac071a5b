"""Train the rows that are missing: each as soon as it is there on disk, by any number of processes at once."""

import json
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from subprocess import run

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save_file

from nbhelpers.inference.writing import written_whole
from nbhelpers.training import evaluate
from studies.packing import pack
from studies.protocol import MEAN_IOU, whole
from studies.study import Study, load

PACKAGES = ("torch", "torchvision", "timm", "segmentation_models_pytorch")
LOCKS = Path(tempfile.gettempdir()) / "nbhelpers-studies"


def run_missing(lessons: list[str], seeds: int | None, minutes: float) -> None:
    """Train what is missing of `lessons`, one seed of all before the next seed of any, for about `minutes`."""
    end = time.monotonic() + 60 * minutes
    studies = [load(lesson) for lesson in lessons]
    for seed in range(max(seeds or study.seeds for study in studies)):
        for study in studies:
            if seed < (seeds or study.seeds):
                run_seed(study, seed, end)


def run_seed(study: Study, seed: int, end: float) -> None:
    """Train what is missing of one seed of `study`; begin no row after `end`, a time of the monotonic clock."""
    LOCKS.mkdir(exist_ok=True)
    for way in study.ways:
        if time.monotonic() > end:
            return
        _run_once(study, way, seed)


def fit_budgets(study: Study, seed: int) -> None:
    """Let each protocol find what its budget pays on this machine, before the first row keeps it busy."""
    for name in dict.fromkeys(way for _, way in study.fresh().missing(seed + 1)):
        plan = study.ways[name]
        protocol = plan.protocol(study.protocol).for_seed(seed)
        fitted = protocol.fitted(plan, protocol.data("train"), protocol.data("val"))
        print(f"{name}: {fitted}", flush=True)


def _run_once(study: Study, way: str, seed: int) -> None:
    """Make one row, unless it is there or another process is at it."""
    try:
        with FileLock(LOCKS / f"{study.checkpoint(way).stem}_{seed}.lock", timeout=0):
            if (seed, way) not in study.fresh().missing(seed + 1):
                return
            print(f"{study.lesson}  {way}, seed {seed} ...", end=" ", flush=True)
            row = make_row(study, way, seed)
            _store(study, row)
            print(f"{row['measures'][MEAN_IOU]:.3f} in {row['cpu_seconds']:.0f} CPU s", flush=True)
    except Timeout:
        return


def make_row(study: Study, way: str, seed: int) -> dict:
    """One training, scored on the test split."""
    plan = study.ways[way]
    protocol = plan.protocol(study.protocol).for_seed(seed)
    train, valid, test = (protocol.data(split) for split in ("train", "val", "test"))
    fitted = protocol.fitted(plan, train, valid)
    if fitted is not protocol:  # which may change what an epoch is
        protocol, train = fitted, fitted.data("train")
    torch.manual_seed(study.seed_of(way, seed))
    network = plan.build()
    started, cpu = time.perf_counter(), time.process_time()
    history = whole(plan.train(network, protocol, train, valid, study.seed_of(way, seed)), protocol)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    confusion = evaluate(network, test, size=protocol.seen_at, precision="fp32")
    measures = {MEAN_IOU: confusion.mean_iou}
    for name, measure in study.measures.items():
        value = measure(network, test)
        measures |= value if isinstance(value, dict) else {name: value}
    if plan.keep and seed == 0:
        study.checkpoint(way).parent.mkdir(exist_ok=True)
        with written_whole(study.checkpoint(way)) as temporary:
            save_file(pack(network.state_dict()), temporary)
    steps = protocol.steps // protocol.epochs
    return {
        "way": way,
        "seed": seed,
        "measures": {name: round(float(value), 5) for name, value in measures.items()},
        "iou": {name: round(float(value), 4) for name, value in zip(test.classes, confusion.iou)},
        "curve": [[steps * row["epoch"], round(row["mean_iou"], 4)] for row in history.rows],
        "steps": steps * len(history.rows),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "protocol": str(protocol),
        "command": study.command or f"python -m studies run {study.lesson}",
        "machine": _machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "commit": _commit(),
    }


def _store(study: Study, row: dict) -> None:
    """Add the row to the study's file, a row a line, so that a diff shows what is new."""
    with FileLock(LOCKS / f"{study.lesson}.lock"):
        rows = json.loads(study.path.read_text("utf-8")) if study.path.exists() else []
        rows = [other for other in rows if (other["way"], other["seed"]) != (row["way"], row["seed"])] + [row]
        rows.sort(key=lambda each: (each["way"], each["seed"]))
        lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in rows)
        study.path.parent.mkdir(exist_ok=True)
        with written_whole(study.path) as temporary:
            Path(temporary).write_text(f"[\n{lines}\n]\n", "utf-8")


def _machine() -> str:
    """The processor's name as far as the system tells, and the threads of torch."""
    name, cpuinfo = platform.machine(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        name = models[0] if models else name
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{name}, {torch.get_num_threads()} threads, {instructions}"


def _commit() -> str:
    """The commit of the code, as far as git is there and tells."""
    try:
        done = run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:  # there is no git
        return "unknown"
    return done.stdout.strip() or "unknown"
