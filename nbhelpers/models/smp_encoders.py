"""Learnt encoders for segmentation_models_pytorch where there is no internet: from a file, or from a mirror of the hub.

SMP takes its weights from the Hugging Face hub alone. Three ways round it:

    path = fetch_smp_encoder("resnet34")                      # at home: one file, which goes into the bundle
    model = smp.Unet("resnet34", encoder_weights=None)        # with the internet off
    load_smp_encoder(model, find_bundle() / path.name)

    HF_ENDPOINT=https://mirror.example python script.py       # a mirror, for SMP, timm and `Encoder` alike

    smp.Unet("tu-resnet34", encoder_weights=True, pretrained_cfg_overlay={"file": path})   # timm's encoders, by timm

`HF_ENDPOINT` is read once, when huggingface_hub is imported: set it before Python starts. `Encoder(weights=path)` of this
package needs none of it.
"""

from pathlib import Path

from torch import nn

from nbhelpers.models.hub import fetch_from_hub


def fetch_smp_encoder(name: str, weights: str = "imagenet") -> Path:
    """The file of one of SMP's own encoders, such as "resnet34", from the cache or else from the hub.

    Raises ValueError for a name or weights that SMP does not have, and ConnectionError, which names the file's address.
    """
    from segmentation_models_pytorch.encoders import encoders  # it takes seconds to load

    if name.startswith("tu-"):
        raise ValueError(f"{name} is timm's: {_timm_cure(name)}")
    if name not in encoders:
        raise ValueError(f"SMP has no encoder {name!r}; it has {', '.join(encoders)}")
    settings = encoders[name]["pretrained_settings"]
    if weights not in settings:
        raise ValueError(f"SMP has no weights {weights!r} of {name}; it has {', '.join(settings)}")
    chosen = settings[weights]
    return fetch_from_hub(
        chosen["repo_id"],
        f"SMP's weights {weights!r} of {name}",
        revision=chosen["revision"],
        cure="bring the file here and call load_smp_encoder(model, '.../model.safetensors')",
    )


def load_smp_encoder(model: nn.Module, path: str | Path) -> None:
    """Give the encoder of one of SMP's models the weights in `path`, a .safetensors or .pth file; no code in it is run.

    model: built with `encoder_weights=None` and three channels. For others call `model.encoder.set_in_channels(5)`
        afterwards, which spreads the weights of the first layer as SMP does.
    Raises FileNotFoundError for a missing file; ValueError for a model without such an encoder and for a file of another
    encoder, before anything is loaded.
    """
    encoder, path = getattr(model, "encoder", None), Path(path)
    if type(encoder).__name__.startswith("Timm") and hasattr(encoder, "name"):
        raise ValueError(f"the encoder tu-{encoder.name} is timm's: {_timm_cure(f'tu-{encoder.name}', path)}")
    if not hasattr(encoder, "set_in_channels"):
        raise ValueError(
            f"{type(model).__name__} has no encoder of SMP: pass a model such as smp.Unet('resnet34', "
            "encoder_weights=None)"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file of weights at {path}; fetch_smp_encoder gets one where there is internet"
        )
    from timm.models import load_state_dict

    given, wanted = load_state_dict(str(path), weights_only=True), encoder.state_dict()
    missing = [name for name in wanted if name not in given]
    other = [name for name in wanted if name in given and given[name].shape != wanted[name].shape]
    if missing or other:
        first = (missing + other)[0]
        what = (
            "is missing"
            if missing
            else f"is {tuple(given[first].shape)} instead of {tuple(wanted[first].shape)}"
        )
        channels = "" if missing else "; build the model with three channels, and set_in_channels afterwards"
        raise ValueError(
            f"{path} does not fit {type(encoder).__name__}: {len(missing) + len(other)} of its {len(wanted)} tensors do "
            f"not, the first, {first!r}, {what}{channels if len(other) == 1 else ''}"
        )
    encoder.load_state_dict({name: given[name] for name in wanted})


def _timm_cure(name: str, path: str | Path = "model.safetensors") -> str:
    return f"smp.Unet({name!r}, encoder_weights=True, pretrained_cfg_overlay={{'file': '{path}'}})"
