"""From the rubber sheet to the iris code: the phase of log-Gabor filters, two bits a place.

Daugman, 1993, https://doi.org/10.1109/34.244676, keeps only the phase of the texture, because light and focus change
its strength: the signs of the real and the imaginary part tell in which quarter of a turn it stands. The filter is
the one of Masek, 2003, "Recognition of Human Iris Patterns for Biometric Identification" (thesis, University of Western
Australia): along each row, a bell on the logarithm of the frequency (Field, 1987,
https://doi.org/10.1364/JOSAA.4.002379), which ignores a row's mean brightness altogether.
Unlike Masek's, hidden places are filled with the mean of their neighbourhood, not of the row.
"""

from typing import NamedTuple

import numpy as np

from nbhelpers.iris.boundaries import fit_boundaries
from nbhelpers.iris.rubber_sheet import unwrap

# Chosen by the equal error rate on toy eyes of split val (seeds 0 and 7), never on test.
WAVELENGTH = 24.0  # of the filter, in columns of the sheet
BANDWIDTH = 0.4  # Masek's sigma / f0: the bell's standard deviation on the logarithm is -log(this)
AROUND = 32  # columns: standard deviation of the neighbourhood whose mean brightness is taken off
MARGIN = 2  # columns beside something hidden whose bits are not valid either: blur carries it there
OUTLIER = 3.0  # times the median deviation; what stands out more, a glint or a lash, is cut down to it
FAINT = 0.007  # response below this share of the mean brightness: noise decides its sign


class IrisCode(NamedTuple):
    """What is kept of an iris.

    bits: bool (2, radial, angular), whether the real and the imaginary part of the response are positive.
    valid: bool, as large: which bits tell something of the iris; False under lids, lashes and reflections.
    """

    bits: np.ndarray
    valid: np.ndarray


def log_gabor(columns: int, wavelength: float, bandwidth: float) -> np.ndarray:
    """The filter's gain at each frequency of an FFT over `columns`, float64 (columns,).

    G(f) = exp(-log(f / f0)^2 / (2 log(bandwidth)^2)) with f0 = 1 / wavelength; 0 for f <= 0, so that the response is
    complex and its phase defined.
    """
    frequency = np.fft.fftfreq(columns)
    gain = np.zeros(columns)
    positive = frequency > 0
    gain[positive] = np.exp(-(np.log(frequency[positive] * wavelength) ** 2) / (2 * np.log(bandwidth) ** 2))
    return gain


def encode(
    sheet: np.ndarray, visible: np.ndarray, wavelength: float = WAVELENGTH, bandwidth: float = BANDWIDTH
) -> IrisCode:
    """The code of a rubber sheet: sheet float (radial, angular), visible bool of the same shape.

    What is filtered is the brightness less its mean in the row's neighbourhood, and 0 where hidden: so neither
    shade nor what covers the iris draws edges. Bits are not valid where hidden, next to it, and where the response is faint.
    Raises ValueError if the two differ in shape.
    """
    if sheet.ndim != 2 or sheet.shape != visible.shape or visible.dtype != bool:
        raise ValueError(
            f"the sheet is {sheet.shape} and visible {visible.dtype} {visible.shape}, but they must be "
            "(radial, angular) and bool of the same shape: pass what unwrap returned"
        )
    seen = visible.copy()
    for shift in range(1, MARGIN + 1):
        seen &= np.roll(visible, shift, axis=1) & np.roll(visible, -shift, axis=1)
    if not seen.any():
        return IrisCode(*np.zeros((2, 2, *sheet.shape), bool))
    mean = _around(np.where(seen, sheet, 0)) / np.maximum(_around(seen), 1e-3)
    detail = np.where(seen, sheet - mean, 0)
    most = OUTLIER * np.median(np.abs(detail[seen]))
    gain = log_gabor(sheet.shape[1], wavelength, bandwidth)
    response = np.fft.ifft(np.fft.fft(np.clip(detail, -most, most), axis=1) * gain, axis=1)
    parts = np.stack([response.real, response.imag])  # (2, radial, angular)
    return IrisCode(bits=parts > 0, valid=seen & (np.abs(parts) > FAINT * sheet[seen].mean()))


def _around(values: np.ndarray) -> np.ndarray:
    """The mean of each place's neighbours in its row, which is a ring: Gaussian weights, float (radial, angular)."""
    columns = values.shape[1]
    frequency = np.fft.rfftfreq(columns)
    smooth = np.exp(-2 * (np.pi * frequency * AROUND) ** 2)  # the Fourier transform of the Gaussian
    return np.fft.irfft(np.fft.rfft(values, axis=1) * smooth, n=columns, axis=1)


def iris_code(image: np.ndarray, mask: np.ndarray) -> IrisCode:
    """From a picture of an eye and the mask of its iris to the code: fit, unwrap, encode.

    image: uint8 (3, H, W) or (H, W), as the data sets give it; mask: bool (H, W), the visible iris without the pupil.
    Raises NoIris where the mask shows no iris to fit, ValueError for another dtype or shape.
    """
    boundaries = fit_boundaries(mask)
    return encode(*unwrap(image, mask, boundaries))
