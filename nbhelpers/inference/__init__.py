"""From a trained model to masks: any size of image, tiles, test-time augmentation, ensembles, export, folders."""

from nbhelpers.inference.ensemble import Ensemble
from nbhelpers.inference.export import OnnxModel, export
from nbhelpers.inference.predict import predict
from nbhelpers.inference.sources import TiledTiff, open_image
from nbhelpers.inference.tiled import predict_tiled
from nbhelpers.inference.tta import TTA
from nbhelpers.inference.volumes import predict_volume
from nbhelpers.inference.weights import load_weights, read_notes, save_weights
from nbhelpers.inference.writing import written_whole

__all__ = [
    "TTA",
    "Ensemble",
    "OnnxModel",
    "TiledTiff",
    "export",
    "load_weights",
    "open_image",
    "predict",
    "predict_tiled",
    "predict_volume",
    "read_notes",
    "save_weights",
    "written_whole",
]
