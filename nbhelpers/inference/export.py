"""A model as an ONNX file: one file for every platform, read without running code of its author."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from nbhelpers.checks import cure_of_type, evaluating, logits_of
from nbhelpers.inference.writing import written_whole

LARGE = 1000  # numbers in a tensor whose bytes count
TOLERANCE = 1e-4  # of the largest logit, or of 1: the two may add up in another order


def export(model: nn.Module, path: str | Path, *, in_channels: int = 3, stride: int = 32) -> None:
    """Write `model` to `path` (.onnx): images float (N, in_channels, H, W) in 0..1 -> logits, any N, H and W.

    Before the file is kept, onnxruntime runs it at two sizes and batch sizes and must agree with torch to 1e-4 of the
    largest logit, or to 1e-4 where none is above 1. Both run on the CPU, because GPUs convolve in TF32, which differs by
    more. `stride` is stored in the file, for `OnnxModel`. Weights that half precision holds exactly take half the bytes,
    and compute as before: `export(model.half().float(), path)` makes a small file. The model keeps mode and device.
    Raises ValueError for another ending and for a model that gives no logits, RuntimeError where the model cannot run on
    images of these channels and stride, cannot be exported, or not for every size, or where the two disagree; no file
    is left then.
    """
    if Path(path).suffix != ".onnx":
        raise ValueError(f"{path} must end in .onnx")
    with evaluating(model) as device, _on_cpu(model, device), torch.no_grad(), _nothing_in_place(model):
        images = _images_that_fit(model, in_channels, stride)
        logits_of(model, images[0])  # a dict, a tuple or another size is told before the exporter's errors
        dynamic = {axis: Dim.DYNAMIC for axis in (0, 2, 3)}
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")  # of the exporter about itself
                program = torch.onnx.export(
                    model,
                    (images[0],),
                    dynamo=True,
                    dynamic_shapes=(dynamic,),
                    input_names=["images"],
                    output_names=["logits"],
                    custom_translation_table={torch._sym_sqrt: _square_root},
                    optimize=False,
                    verbose=False,
                )
                _store_halves(program.model)  # first, since optimising folds batch norms into the weights
                program.optimize()
                _forget_where_it_was_made(program.model)
        except Exception as error:  # the exporter has many kinds, and all mean the same to the caller
            # the exporter's own error only says in which step it happened
            why = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
            raise RuntimeError(
                f"this {type(model).__name__} cannot be exported to ONNX with any size of image: {why[:300]}"
            ) from error
        program.model.metadata_props["stride"] = str(stride)
        with written_whole(path) as temporary:
            program.save(temporary, external_data=False)
            session = OnnxModel(temporary, device=None)
            for one in images:
                _check_equal(model(one), session(one), tuple(one.shape), path)


def _forget_where_it_was_made(model: object) -> None:
    """Drop the notes that torch's exporter leaves at every node: source files by their paths, functions by their addresses.

    Nobody who loads the file needs them, and with them two exports of one model differ, and tell whose folder they are of.
    """
    from onnxscript import ir

    ir.passes.common.ClearMetadataAndDocStringPass()(model)


def _store_halves(model: object) -> None:
    """Keep what half precision holds exactly, as the weights of a half file are, in half the bytes; loses nothing.

    onnxruntime turns it back into float32 when it loads the file, and computes as before.
    """
    from onnxscript import ir

    graph = model.graph
    for value in list(graph.initializers.values()):
        if value.dtype != ir.DataType.FLOAT or value.const_value.size < LARGE:
            continue
        numbers = value.const_value.numpy()
        with np.errstate(over="ignore"):  # what half precision cannot hold becomes infinite, and is not equal
            halves = numbers.astype(np.float16)
        if not np.array_equal(halves, numbers):
            continue
        half = ir.Value(name=f"{value.name}_half", const_value=ir.tensor(halves, name=f"{value.name}_half"))
        cast = ir.node("Cast", [half], {"to": ir.DataType.FLOAT})
        ir.convenience.replace_all_uses_with(value, cast.outputs[0])
        graph.insert_before(graph[0], cast)
        del graph.initializers[value.name]
        graph.register_initializer(half)


def _square_root(x: object) -> object:
    """Of a size, as the iris network takes it to find its working size; torch 2.15's exporter has no translation."""
    from onnxscript import FLOAT, opset18

    return opset18.Sqrt(opset18.Cast(x, to=FLOAT.dtype))


@contextlib.contextmanager
def _on_cpu(model: nn.Module, device: torch.device) -> Iterator[None]:
    if device.type == "cpu":
        yield
        return
    try:
        yield model.cpu()
    finally:
        model.to(device)


def _images_that_fit(model: nn.Module, in_channels: int, stride: int) -> list[Tensor]:
    """Two random batches of other sizes, as small as the model takes: some need more than a few strides a side."""
    generator, why = torch.Generator().manual_seed(0), ""
    for times in (1, 2, 4, 8):
        sides = [(2, 2 * stride * times, 3 * stride * times), (1, 5 * stride * times, 4 * stride * times)]
        images = [torch.rand(n, in_channels, *sizes, generator=generator) for n, *sizes in sides]
        try:
            for one in images:
                model(one)
            return images
        except (RuntimeError, ValueError, AssertionError) as error:  # of layers and models, for a wrong size
            why = why or " ".join(str(error).split())
    cure = cure_of_type(model, images[0], why) or "pass its own in_channels and stride"
    raise RuntimeError(
        f"this {type(model).__name__} cannot be exported to ONNX with any size of image: torch itself does not run it on "
        f"images (N, {in_channels}, H, W) of sides that {stride} divides: {why[:200]}; {cure}"
    )


@contextlib.contextmanager
def _nothing_in_place(model: nn.Module) -> Iterator[None]:
    """Inside, activations write to a new tensor: the exporter takes apart each that does not, a third of its time."""
    changed = [module for module in model.modules() if getattr(module, "inplace", None) is True]
    for module in changed:
        module.inplace = False
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True


def _check_equal(expected: Tensor, found: Tensor, shape: tuple[int, ...], path: str | Path) -> None:
    if found.shape != expected.shape:
        raise RuntimeError(
            f"{path} was not kept: for images {shape} onnxruntime gives {tuple(found.shape)}, torch "
            f"{tuple(expected.shape)}; the model fixes a size while it is exported"
        )
    difference, largest = (found - expected).abs().max().item(), expected.abs().max().item()
    if not difference <= TOLERANCE * max(1.0, largest):  # also true for nan
        raise RuntimeError(
            f"{path} was not kept: for images {shape} onnxruntime and torch differ by {difference:.2g}, with logits "
            f"up to {largest:.2g}"
        )


class OnnxModel(nn.Module):
    """An exported model, run by onnxruntime: images float (N, in_channels, H, W) -> logits, as the model gave them.

    It goes where a model goes: `predict(OnnxModel(path), image)`. `stride` is what `export` was told, `in_channels`
    what the file says (3 where it leaves it open). Where onnxruntime has CUDA (the package onnxruntime-gpu), it runs on
    the GPU of number `device`, unless that is None; tensors pass through the CPU. Raises FileNotFoundError, and
    ValueError for a file that is no ONNX model.
    """

    def __init__(self, path: str | Path, device: int | None = 0) -> None:
        import onnxruntime  # only those who use the exported file need it

        super().__init__()
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no exported model at {path.resolve()}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # one a process under torchrun
        options.log_severity_level = 3  # errors
        # its threads would burn a tenth more while they wait for work, which reading and writing images needs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers: list = ["CPUExecutionProvider"]
        if device is not None and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device}))
        try:
            self.session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise ValueError(
                f"{path} is no ONNX model that onnxruntime can run ({str(error).splitlines()[0]}): "
                "write it by nbhelpers.inference.export"
            ) from error
        self.path, (self._input, *_) = path, self.session.get_inputs()
        channels = self._input.shape[1] if len(self._input.shape) == 4 else None
        self.in_channels = channels if isinstance(channels, int) else 3
        self.stride = int(self.session.get_modelmeta().custom_metadata_map.get("stride", 32))

    def forward(self, images: Tensor) -> Tensor:
        array = np.ascontiguousarray(images.detach().cpu().float().numpy())
        try:
            (logits, *_) = self.session.run(None, {self._input.name: array})
        except Exception as error:  # as above
            raise RuntimeError(
                f"onnxruntime cannot run {self.path.name} on images {tuple(images.shape)}: {str(error).splitlines()[0]}"
            ) from error
        return torch.from_numpy(logits).to(images.device)
