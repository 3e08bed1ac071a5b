"""Toy cells: fluorescent or stained nuclei that touch and overlap, drawn by code, with exact instance ids.

Lengths of the scene are in units of the picture's shorter side; those of its texture in radii of a nucleus.
"""

from collections.abc import Callable

import cv2
import numpy as np

from nbhelpers.datasets.palette import BINARY
from nbhelpers.datasets.toy.drawing import ToyDataset, develop, smooth_noise

STAINS = np.array(  # RGB of: bare glass, tissue, a nucleus, as under white light
    [
        [(198, 182, 222), (166, 140, 206), (66, 30, 158)],  # hematoxylin, blue light
        [(236, 222, 236), (222, 152, 196), (88, 46, 128)],  # hematoxylin and eosin
        [(226, 230, 224), (208, 196, 206), (98, 28, 96)],  # Giemsa, a smear
        [(236, 236, 234), (160, 160, 158), (64, 64, 66)],  # a grey camera
    ]
)
OTHER_STAINS = np.array(  # of the second laboratory
    [
        [(240, 236, 240), (226, 214, 224), (166, 36, 110)],  # Feulgen, magenta
        [(234, 240, 234), (232, 176, 190), (48, 112, 104)],  # methyl green and pyronin
        [(240, 238, 230), (214, 182, 142), (98, 66, 44)],  # an antibody in brown (DAB)
        [(222, 228, 236), (188, 196, 214), (40, 62, 128)],  # toluidine blue
    ]
)
LABORATORIES = ("first", "second")
CONTOUR = np.linspace(0, 2 * np.pi, 40, endpoint=False)


class Cells(ToyDataset):
    """Toy nuclei: image uint8 (3, H, W), mask uint8 (H, W), 0 background and 1 nucleus.

    About two pictures of three are fluorescent (grey nuclei glow on black), the others stained (purple on pink
    or white), as in the Data Science Bowl 2018 (https://doi.org/10.1038/s41592-019-0612-7). Debris, red blood
    cells and stray light are background.

    laboratory: "first", or "second", which has other stains, a dye that glows green, and an older microscope: a yellow
        lamp, light that falls off to the corners, less focus, more noise. The same index has the same nuclei in both. To
        train on one and score on the other is to ask what a network knows of nuclei, and what of one laboratory.
    Raises ValueError for bad arguments.
    """

    classes = ("Background", "Nucleus")
    palette = BINARY

    def __init__(
        self,
        split: str = "train",
        size: tuple[int, int] = (128, 128),
        length: int | None = None,
        seed: int = 0,
        transform: Callable | None = None,
        laboratory: str = "first",
    ) -> None:
        super().__init__(split, size, length, seed, transform)
        if laboratory not in LABORATORIES:
            raise ValueError(f"laboratory is {laboratory!r}; it must be 'first' or 'second'")
        self.laboratory = laboratory

    def instances(self, index: int) -> np.ndarray:
        """Which nucleus each pixel shows, int32 (H, W): 0 is background, 1..n are the n nuclei to be seen.

        Where nuclei overlap the upper one owns the pixel. `instances(index) > 0` is the mask of `index`.
        IndexError if there is no such picture.
        """
        ids = _Nuclei(self.rng(index), self.size).top
        seen = np.bincount(ids.ravel()) > 0
        seen[0] = False
        return (np.cumsum(seen) * seen).astype(np.int32)[ids]

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng, noise = self.rng(index), self.rng(index, stream=1)
        nuclei = _Nuclei(rng, self.size)
        first, glows = self.laboratory == "first", rng.random() < 0.65
        if glows:
            image = _fluorescent(nuclei, rng, noise)
        else:
            image = _stained(nuclei, rng, noise, STAINS if first else OTHER_STAINS)
        if not first:
            image = _older_microscope(image, glows, nuclei, self.rng(index, stream=2), noise)
        return image, (nuclei.top > 0).astype(np.uint8)


class _Nuclei:
    """Where nuclei lie. `top` and `bottom` are the numbers, 1..n, of the upper and the lowest at a pixel, (H, W)."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        self.size = size
        self.radius = 0.03 * 4 ** rng.random()  # of a usual nucleus; 3 to 12 % of the shorter side
        shorter = min(size)
        extent = np.array([size[1], size[0]]) / shorter
        share = 0.02 + 0.45 * rng.random() ** 1.3
        count = min(int(np.ceil(share * extent.prod() / (np.pi * self.radius**2))), 140)
        radii = self.radius * np.exp(rng.normal(0, rng.uniform(0.08, 0.3), count))
        centres = _places(rng, radii, extent)
        self.count = len(centres)
        contours = self._contours(rng, radii[: self.count]) + centres[:, None]  # (n, points, 2)
        fixed = np.round(contours * (shorter * 16)).astype(np.int32)  # 4 bits below the pixel
        fixed -= 8  # OpenCV puts pixel centres on integers
        self.top, self.bottom = np.zeros(size, np.int32), np.zeros(size, np.int32)
        for number in range(self.count):
            cv2.fillPoly(self.top, fixed[number : number + 1], number + 1, shift=4)
            cv2.fillPoly(self.bottom, fixed[-1 - number][None], self.count - number, shift=4)

    def _contours(self, rng: np.random.Generator, radii: np.ndarray) -> np.ndarray:
        """Wobbly ellipses around the origin, (n, points, 2): a polar Fourier series, stretched, bent, turned."""
        n = len(radii)
        order = np.arange(2, 7)
        wobble = rng.uniform(0.01, 0.12) * rng.standard_normal((n, len(order))) / (order - 1)
        phase = rng.uniform(0, 2 * np.pi, (n, len(order)))
        waves = wobble[..., None] * np.cos(order[:, None] * CONTOUR + phase[..., None])
        radius = radii[:, None] * np.clip(1 + waves.sum(1), 0.4, 1.6)  # (n, points)
        # fillPoly adds half a pixel: it draws outlines
        radius -= np.minimum(0.5 / min(self.size), radius / 2)
        stretch = np.sqrt(1 + np.abs(rng.normal(rng.choice([0.15, 0.4, 1.2]), 0.25, (n, 1))))
        x, y = radius * np.cos(CONTOUR) * stretch, radius * np.sin(CONTOUR) / stretch
        bend = np.clip(rng.normal(0, 0.07, (n, 1)), -0.12, 0.12)
        y = y + bend * (x * x / radii[:, None] - radii[:, None] / 2)
        aligned = rng.choice([0.2, 0.6, 3.0])  # as in muscle, in epithelium, in culture
        turn = rng.uniform(0, np.pi) + aligned * rng.standard_normal((n, 1))
        return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], -1)

    def depth(self) -> np.ndarray:
        """Distance from a nucleus' own edge, in radii, float32 (H, W)."""
        inside = (self.top > 0).astype(np.uint8)
        inside[:, 1:] &= self.top[:, 1:] == self.top[:, :-1]
        inside[1:] &= self.top[1:] == self.top[:-1]
        return cv2.distanceTransform(inside, cv2.DIST_L2, 3) * (1 / (self.radius * min(self.size)))

    def noise(self, rng: np.random.Generator, grain: float) -> np.ndarray:
        """Noise with spots of `grain` radii, (H, W)."""
        sides = np.array(self.size) / min(self.size)
        cells = np.ceil(sides / (self.radius * grain)).astype(int) + 1
        return smooth_noise(rng, tuple(cells), self.size)

    def blur(self, image: np.ndarray, radii: float) -> np.ndarray:
        """Blur by a standard deviation of so many radii; a wide one is computed on a smaller picture."""
        sigma = radii * self.radius * min(self.size)
        if sigma < 0.3:
            return image
        step = max(1, int(sigma / 2))
        if step == 1:
            return cv2.GaussianBlur(image, (0, 0), sigma)
        small = cv2.resize(image, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / step), self.size[::-1])


def _places(rng: np.random.Generator, radii: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Centres, (n, 2), at most one for each radius: some alone, some beside another; none right on another."""
    together = rng.uniform(0, 0.95)
    nearest = rng.uniform(0.65, 1.0)  # centres may come as close as so many sums of two radii
    beside = rng.random(len(radii)) < together
    angles = rng.uniform(0, 2 * np.pi, (len(radii), 4))
    directions = np.stack([np.cos(angles), np.sin(angles)], -1)
    gaps = rng.uniform(nearest, 1.25, (len(radii), 4))
    free = rng.uniform(-0.03, 1.03, (len(radii), 4, 2)) * extent
    free[0] = free[0].clip(0, extent)  # one nucleus is always seen
    picks = rng.random((len(radii), 4))
    centres = np.empty((len(radii), 2))
    n = 0
    for i in range(len(radii)):
        for attempt in range(4):
            at = free[i, attempt]
            if n and beside[i]:
                other = int(picks[i, attempt] * n)
                step = gaps[i, attempt] * (radii[n] + radii[other])
                at = centres[other] + step * directions[i, attempt]
            apart = np.square(centres[:n] - at).sum(1) / np.square(radii[:n] + radii[n])
            if n == 0 or apart.min() > nearest**2 * 0.98:
                centres[n] = at
                n += 1
                break
    return centres[:n]


def _specks(rng: np.random.Generator, nuclei: _Nuclei, count: int, largest: float) -> np.ndarray:
    """Small discs of random strength, at most `largest` radii wide, float32 (H, W)."""
    layer = np.zeros(nuclei.size, np.float32)
    unit = nuclei.radius * min(nuclei.size)
    places = np.int32(rng.random((count, 2)) * nuclei.size[::-1] * 16)  # 4 bits below the pixel
    radii = np.int32(rng.uniform(0.05, largest, count) * unit * 16)
    for place, radius, strength in zip(places.tolist(), radii.tolist(), rng.uniform(0.2, 1, count).tolist()):
        cv2.circle(layer, place, radius, strength, -1, shift=4)
    return layer


def _fluorescent(nuclei: _Nuclei, rng: np.random.Generator, noise: np.random.Generator) -> np.ndarray:
    """Dark field: nuclei glow by their DNA, brighter where they are thick or two lie over each other."""
    glow = np.exp(rng.normal(0, rng.uniform(0.05, 0.45), nuclei.count + 1)).astype(np.float32)
    glow[rng.random(glow.size) < 0.04] *= 2.5  # dividing or dying: condensed
    glow[0] = 0
    thickness = 1 - np.square(1 - np.minimum(nuclei.depth(), 1))
    flat = rng.uniform(0.5, 1)
    light = glow[nuclei.top] * (flat + (1 - flat) * thickness)
    light += 0.6 * glow[nuclei.bottom] * (nuclei.top != nuclei.bottom)
    chromatin = 1 + rng.uniform(0.02, 0.25) * nuclei.noise(rng, rng.uniform(0.15, 0.5))
    spots = np.clip(nuclei.noise(rng, 0.45) - 0.8, 0, 1)
    chromatin += rng.choice([-0.6, 0.0, 1.2]) * spots  # nucleoli are dark, chromocentres bright
    light *= np.clip(chromatin, 0.3, 3)

    soft = nuclei.blur(light, rng.uniform(0.2, 0.4))
    focus = np.clip(rng.uniform(0.3, 1.6) + 0.5 * smooth_noise(rng, (3, 3), nuclei.size), 0, 1)
    light = soft + (nuclei.blur(light, rng.uniform(0.04, 0.12)) - soft) * focus
    stray = rng.uniform(0, 0.25) * rng.random()  # light from out of focus
    light += stray * nuclei.blur(light, rng.uniform(1, 2.5))
    debris = nuclei.blur(_specks(rng, nuclei, int(rng.integers(0, 8)), 0.2), 0.08)
    light += debris * rng.uniform(0.2, 1.5)
    background = rng.uniform(0, 0.12) * rng.random() * (1 + 0.3 * smooth_noise(rng, (2, 3), nuclei.size))
    background += rng.uniform(0, 0.02) * (nuclei.noise(rng, 1.5) + nuclei.noise(rng, 4))  # cytoplasm
    exposure = 0.7 * 0.15 ** rng.random()
    image = light * exposure + np.clip(background, 0, 1)
    return develop(image, noise, rng.uniform(0.001, 0.012), rng.uniform(0.01, 0.06))


def _stained(
    nuclei: _Nuclei, rng: np.random.Generator, noise: np.random.Generator, stains: np.ndarray
) -> np.ndarray:
    """Bright field: each stain takes light away by Beer and Lambert's law."""
    colours = stains[rng.choice(len(stains), p=[0.4, 0.35, 0.15, 0.1])] / 255
    glass, tissue, nucleus = np.clip(colours * rng.normal(1, 0.03, (3, 3)), 0.05, 1)
    density = -np.log(np.clip(np.stack([tissue, nucleus]) / glass, 0.05, 0.99)).astype(np.float32)

    amount = np.clip(rng.normal(1, rng.uniform(0.1, 0.3), nuclei.count + 1), 0.4, 1.6).astype(np.float32)
    amount[0] = 0
    depth = nuclei.depth()
    pale = rng.uniform(0, 0.5)  # vesicular nuclei: a dark rim, a pale inside, dark nucleoli
    inside = 1 - pale * np.clip(depth / 0.25, 0, 1)
    inside += rng.uniform(0.05, 0.3) * nuclei.noise(rng, rng.uniform(0.15, 0.4))
    inside += (0.3 + pale) * np.clip(nuclei.noise(rng, 0.5) - 0.9, 0, 0.8)
    blue = amount[nuclei.top] * np.clip(inside, 0.15, 1.6)
    blue += 0.4 * amount[nuclei.bottom] * (nuclei.top != nuclei.bottom)
    soft = nuclei.blur(blue, rng.uniform(0.25, 0.5))
    focus = np.clip(rng.uniform(0.3, 1.6) + 0.5 * smooth_noise(rng, (3, 3), nuclei.size), 0, 1)
    blue = soft + (nuclei.blur(blue, rng.uniform(0.04, 0.1)) - soft) * focus

    turned = cv2.getRotationMatrix2D((nuclei.size[1] / 2, nuclei.size[0] / 2), rng.uniform(0, 180), 1.5)
    fibres = smooth_noise(rng, (48, 6), nuclei.size)
    fibres *= np.clip(smooth_noise(rng, (3, 3), nuclei.size), 0, 1.5)  # in places
    fibres = cv2.warpAffine(fibres, turned, nuclei.size[::-1], borderMode=cv2.BORDER_REFLECT)
    pink = 0.7 + 0.25 * smooth_noise(rng, (4, 4), nuclei.size) + rng.uniform(0, 0.2) * fibres
    pink += rng.uniform(0.02, 0.15) * nuclei.noise(rng, 0.4) + rng.uniform(0, 0.6) * nuclei.blur(blue, 0.8)
    holes = nuclei.noise(rng, rng.uniform(2, 5)) - rng.uniform(0.6, 2.5)  # lumen, fat, torn tissue
    pink *= 1 / (1 + np.exp(np.clip(holes * 12, -30, 30)))
    pink += nuclei.blur(_specks(rng, nuclei, max(0, int(rng.integers(-4, 6))), 0.8), 0.06)  # red blood cells
    blue += 0.7 * nuclei.blur(_specks(rng, nuclei, int(rng.integers(0, 5)), 0.2), 0.05)  # dirt, pigment
    pink = rng.uniform(0.1, 1.2) * np.clip(pink, 0, 2)

    light = 1 + 0.05 * smooth_noise(rng, (2, 2), nuclei.size)
    absorbed = pink * density[0][:, None, None] + blue * density[1][:, None, None]  # (3, H, W)
    image = glass.astype(np.float32)[:, None, None] * light * np.exp(-absorbed)
    return develop(image.transpose(1, 2, 0), noise, rng.uniform(0.002, 0.02), rng.uniform(0, 0.02))


def _older_microscope(
    image: np.ndarray, glows: bool, nuclei: _Nuclei, rng: np.random.Generator, noise: np.random.Generator
) -> np.ndarray:
    """The picture uint8 (H, W, 3) as the second laboratory's microscope shows it."""
    light = nuclei.blur(image * np.float32(1 / 255), rng.uniform(0.1, 0.3))
    if glows:
        light = light * np.float32([rng.uniform(0.1, 0.4), 1, rng.uniform(0.2, 0.6)])
        light = rng.uniform(0.03, 0.15) + (1 - 0.15) * light  # haze
    else:
        light = light * np.float32([1, rng.uniform(0.92, 0.98), rng.uniform(0.72, 0.86)])
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in nuclei.size)
    light = light * (1 - rng.uniform(0.1, 0.4) * (y[:, None] ** 2 + x**2) / 2)[..., None]
    light = np.clip(light, 0, 1) ** rng.uniform(0.8, 1.3)
    return develop(light.astype(np.float32), noise, rng.uniform(0.01, 0.03), rng.uniform(0.02, 0.06))
