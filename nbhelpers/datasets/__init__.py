"""Pairs of images and masks: scenes drawn by code, real data sets, your own folders; and what is done to them."""

from nbhelpers.datasets.annotators import Annotators
from nbhelpers.datasets.copy_paste import CopyPaste
from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset, collate
from nbhelpers.datasets.folder import Folder
from nbhelpers.datasets.memory import InMemory, in_memory
from nbhelpers.datasets.neighbours import Neighbours
from nbhelpers.datasets.nuclei import Nuclei
from nbhelpers.datasets.overlap import check_no_overlap
from nbhelpers.datasets.real import ISBI2012, VOC, CamVid, OxfordPets
from nbhelpers.datasets.statistics import class_weights
from nbhelpers.datasets.tiles import Tiles
from nbhelpers.datasets.toy.cells import Cells
from nbhelpers.datasets.toy.eyes import Eyes
from nbhelpers.datasets.toy.specks import Specks
from nbhelpers.datasets.toy.street import Street
from nbhelpers.datasets.transforms import ClassCrop, eval_transform, resize_pair, train_transform

__all__ = [
    "IGNORE",
    "VOC",
    "Annotators",
    "CamVid",
    "Cells",
    "ClassCrop",
    "CopyPaste",
    "Eyes",
    "Folder",
    "ISBI2012",
    "InMemory",
    "Neighbours",
    "Nuclei",
    "OxfordPets",
    "SegmentationDataset",
    "Specks",
    "Street",
    "Tiles",
    "check_no_overlap",
    "class_weights",
    "collate",
    "eval_transform",
    "in_memory",
    "resize_pair",
    "train_transform",
]
