"""Run a notebook in a kernel of its own and leave in it what a reader sees, nothing of the machine that ran it."""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import site
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# The reader whose time the pages tell: two cores with AVX2 that compute in fp32, and no GPU. Free Colab, Binder and
# most laptops are no more; a machine that could do more is held back to it.
REFERENCE = {
    "OMP_NUM_THREADS": "2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NBHELPERS_PRECISION": "fp32",
    "CUDA_VISIBLE_DEVICES": "",
}


class Progress:
    """Tells on the terminal where the execution is: a line for each cell, and what the running cell prints last."""

    def __init__(self, notebook: NotebookNode) -> None:
        self.cells = [index for index, cell in enumerate(notebook.cells) if is_code(cell)]
        self.live = sys.stdout.isatty()
        self.told = 0.0

    def start(self, cell: NotebookNode, cell_index: int) -> None:
        self.started = self.told = time.monotonic()
        if is_code(cell) and self.live:
            self.show("", cell_index, title(cell), end="")

    def says(self, text: str, cell_index: int) -> None:
        """A live terminal shows every change, a log gets a line every 15 seconds."""
        words = [part.strip() for part in re.split(r"[\r\n]", ESCAPES.sub("", text)) if part.strip()]
        now = time.monotonic()
        if words and (self.live or now - self.told > 15):
            self.told = now
            self.show(f"{now - self.started:.0f} s ...", cell_index, words[-1], end="" if self.live else "\n")

    def end(self, cell: NotebookNode, cell_index: int, **_: object) -> None:
        if is_code(cell):
            self.show(f"{time.monotonic() - self.started:.1f} s", cell_index, title(cell), end="\n")

    def show(self, seconds: str, cell_index: int, words: str, *, end: str) -> None:
        line = f"{self.cells.index(cell_index) + 1:3}/{len(self.cells)} {seconds:>9}  {words}"
        if self.live:  # cover the line that stands there
            line = "\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1]
        print(line, end=end, flush=True)


class Meter(threading.Thread):
    """Samples a process and its children ten times a second: the largest resident memory, and what they computed."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.done = psutil.Process(pid), threading.Event()
        self.mb = self.cpu_seconds = 0.0

    def run(self) -> None:
        while not self.done.wait(0.1):
            try:
                family = [self.process, *self.process.children(recursive=True)]
                mb = sum(p.memory_info().rss for p in family) / 1e6
                # user and system, of each and of its children that ended
                cpu_seconds = sum(sum(p.cpu_times()[:4]) for p in family)
            except psutil.NoSuchProcess:  # one ended between listing and asking
                continue
            self.mb, self.cpu_seconds = max(self.mb, mb), max(self.cpu_seconds, cpu_seconds)


class Client(NotebookClient):
    """nbclient's, which also tells its progress, measures the kernel's cost and stops cleanly at Ctrl-C."""

    def __init__(self, notebook: NotebookNode, folder: Path) -> None:
        self.progress = Progress(notebook)
        self.meter: Meter | None = None
        self.interrupted = False
        super().__init__(
            notebook,
            kernel_name="python3",
            timeout=None,
            shutdown_kernel="immediate",  # a kernel asked politely in the middle of a cell prints a traceback
            resources={"metadata": {"path": str(folder)}},
            # without it, every start warns that the kernel listens on localhost
            extra_arguments=["--log-level=ERROR"],
            on_notebook_start=self.begin,
            on_cell_start=self.progress.start,
            on_cell_executed=self.progress.end,
        )

    async def begin(self, **_: object) -> None:
        self.meter = Meter(self.km.provisioner.pid)
        self.meter.start()
        task = asyncio.current_task()

        def stop() -> None:  # nbclient's own handler would pull the kernel from under the waiting cell
            self.interrupted = True
            task.cancel()

        # on Windows asyncio has no signals, and Ctrl-C raises KeyboardInterrupt by itself
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)

    def output(self, outs, msg, display_id, cell_index):
        if msg["msg_type"] == "stream":
            self.progress.says(msg["content"]["text"], cell_index)
        return super().output(outs, msg, display_id, cell_index)


def execute(notebook: NotebookNode, folder: Path, env: dict[str, str] | None = None) -> dict[str, float]:
    """Run every cell in a new kernel that works in `folder`, put the outputs into `notebook`, and clean them.

    Returns {"seconds", "cpu_seconds", "peak_mb"}, from the start of the kernel to its end, its children included. A
    cell that fails raises CellExecutionError after the outputs so far were cleaned.
    """
    client = Client(notebook, folder)
    started = time.monotonic()
    try:
        client.execute(env={**os.environ, **(env or {})})
    except DeadKernelError:
        if client.interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        if client.meter:
            client.meter.done.set()
        clean(notebook)
    notebook.metadata["nbhelpers"] = {"executed": fingerprint(notebook)}
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(client.meter.cpu_seconds, 1),
        "peak_mb": round(client.meter.mb),
    }


def is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def title(cell: NotebookNode) -> str:
    return next(line for line in cell.source.splitlines() if line.strip())[:70]


def fingerprint(notebook: NotebookNode) -> str:
    """Of the code: outputs that carry another fingerprint are older than the code above them.

    The first code cell, the setup, does not count: a fork rewrites it, and it is the same everywhere.
    """
    code = "\0".join([cell.source for cell in notebook.cells if is_code(cell)][1:])
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def clean(notebook: NotebookNode) -> None:
    """Leave in `notebook` what a reader sees, and nothing of the machine or the moment that made it."""
    notebook.metadata = NotebookNode(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
        language_info={"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "solution" in cell.metadata.get("tags", []):  # JupyterLab shows it folded
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "code":
            cell.outputs = merged_streams(cell.outputs)
            for output in cell.outputs:
                for kind in ("text/plain", "text/html"):
                    if kind in output.get("data", {}):
                        output.data[kind] = without_paths(output.data[kind])


def merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what was printed between two figures to one output, as a terminal would show it; drop empty ones.

    stdout goes before stderr: they arrive on two channels, in an order that differs between runs.
    """
    merged: list[NotebookNode] = []
    printed = {"stdout": "", "stderr": ""}

    def flush() -> None:
        for name, text in printed.items():
            if (shown := without_paths(as_terminal(text))).strip():
                merged.append(nbformat.v4.new_output("stream", name=name, text=shown))
            printed[name] = ""

    for output in outputs:
        if output.output_type == "stream":
            printed[output.name] += output.text
        else:
            flush()
            merged.append(output)
    flush()
    return merged


def as_terminal(text: str) -> str:
    """Without escape codes, and with every carriage return gone back to the line's start, as progress bars do."""
    lines = ESCAPES.sub("", text).split("\n")
    for index, line in enumerate(lines):
        if "\r" in line:
            shown = ""
            for part in line.split("\r"):
                shown = part + shown[len(part) :]
            lines[index] = shown.rstrip()
    return "\n".join(lines)


def without_paths(text: str) -> str:
    """Paths of this machine, as warnings show them, become short names that mean the same everywhere."""
    text = re.sub(r"\S*ipykernel_\d+\S*\.py:\d+", "this cell", text)
    for folder in site.getsitepackages():
        text = text.replace(folder + os.sep, "")
    return text.replace(str(ROOT) + os.sep, "").replace(str(Path.home()), "~")
