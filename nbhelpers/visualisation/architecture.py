"""What is inside a network as pictures: single feature maps, the effective receptive field."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from torch import Tensor, nn
from torch.nn import functional as F

from nbhelpers.visualisation.canvas import Picture, panels, styled
from nbhelpers.visualisation.labels import as_rgb
from nbhelpers.visualisation.probe import as_batch, feature_maps, field_sides

HEAT = matplotlib.colormaps["magma"].resampled(17)  # a few steps are enough, and keep the files small
NUMBER = {  # of a channel, in the corner of its map
    "ha": "right",
    "va": "top",
    "size": 7,
    "color": "white",
    "bbox": {"facecolor": "black", "alpha": 0.5, "edgecolor": "none", "pad": 1.2},
}


@styled
def show_feature_maps(
    model: nn.Module, image: Tensor, layers: Sequence[str], *, channels: int = 6
) -> Picture:
    """What layers of `model` see in one image (3, H, W): a row per layer, bright where a channel is high.

    The first column is the image at the layer's resolution; then come the channels that vary most over the
    image, by number, each stretched to its own range. Layers with equally many channels show the same ones, so that
    they can be compared by column. `layers` are names out of `model.named_modules()`. Errors as in `feature_maps`.
    """
    maps = feature_maps(model, image, layers)
    batch = as_batch(image)
    figure, axes = panels(len(maps), channels + 1, tuple(batch.shape[-2:]), head=0.28)
    variation: dict[int, Tensor] = {}  # by the number of channels, how much each varies
    for layer in maps.values():
        spread = layer.flatten(1).std(dim=1, correction=0)
        share = spread / spread.max().clamp(min=1e-12)
        variation[len(layer)] = variation.get(len(layer), 0) + share
    shown = {
        count: varies.argsort(descending=True, stable=True)[:channels].tolist()
        for count, varies in variation.items()
    }
    words = []
    for row, (name, layer) in zip(axes, maps.items(), strict=True):
        count, height, width = layer.shape
        row[0].imshow(
            as_rgb(F.interpolate(batch, size=(height, width), mode="area")[0].clamp(0, 1)),
            interpolation="nearest",
        )
        row[0].set_title(f"{name}: {count} maps of {height} × {width}", loc="left", pad=4)
        chosen = shown[count]
        for panel, channel in zip(row[1 : 1 + len(chosen)], chosen, strict=True):
            panel.imshow(layer[channel].numpy(), cmap=HEAT, interpolation="nearest")
            panel.text(0.98, 0.95, str(channel), transform=panel.transAxes, **NUMBER)
        for panel in row[1 + len(chosen) :]:
            panel.set_axis_off()
        words.append(f"{name}, {count} channels of {height} × {width}, shown {', '.join(map(str, chosen))}")
    return Picture(figure, f"Feature maps of {type(model).__name__} for one image: {'; '.join(words)}.")


@styled
def show_receptive_field(fields: np.ndarray | Mapping[str, np.ndarray]) -> Picture:
    """Effective receptive fields (H, W) as `effective_receptive_field` gives them, one or {name: field}.

    Brightness is the influence of each input pixel on the centre, relative to the strongest, on a log scale.
    The dashed square holds all influence, the solid one 95 % of it; the titles give their sides in pixels.
    """
    fields = fields if isinstance(fields, Mapping) else {"": fields}
    names = ("1 (strongest)", "1/10", "1/100", "1/1000", "less")
    decades = {name: np.array(HEAT(1 - step / 4)[:3]) * 255 for step, name in enumerate(names)}
    shape = tuple(max(field.shape[axis] for field in fields.values()) for axis in (0, 1))
    narrow = len(fields) > 2  # the titles need a line more
    head = 0.25 + 0.2 * any(fields) + 0.2 * narrow
    figure, (axes,) = panels(1, len(fields), shape, legend=decades, head=head)
    words = []
    for panel, (name, field) in zip(axes, fields.items(), strict=True):
        reach, effective = field_sides(field)
        height, width = field.shape
        cut = reach >= min(height, width)  # there may be more influence outside the image
        relative = np.log10(np.maximum(field / field.max(), 1e-4))
        panel.imshow(relative, cmap=HEAT, vmin=-4, vmax=0, interpolation="nearest")
        for side, line in ((reach, "--"), (effective, "-")):
            corner = (width // 2 - side / 2, height // 2 - side / 2)
            panel.add_patch(
                Rectangle(corner, side, side, fill=False, edgecolor="white", linestyle=line, linewidth=1.2)
            )
        panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        reach_text = f"at least {min(reach, max(height, width))}" if cut else str(reach)
        title = f"reaches {reach_text} px, 95 % within {effective} px"
        shown = title.replace(", ", ",\n") if narrow else title
        panel.set_title(f"{name}\n{shown}" if name else shown, pad=4)
        words.append(f"{name}: {title}" if name else title)
    return Picture(figure, f"Influence of each input pixel on the centre pixel's logits: {'; '.join(words)}.")
