"""What we use of ultralytics, imported such that it asks no network and leaves the process as it was.

Left to itself, the import resolves two host names, writes a settings file into the user's home, sets
environment variables, the print options of numpy and torch and the threads of OpenCV, filters warnings and
replaces ``torch.save``. Its telemetry, its downloads and its installation of missing packages are all
decided at import. This is the only module that may import it.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
import torchvision  # noqa: F401  ultralytics uses torchvision's NMS where it is imported already

_SWITCHES: Final = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
#: Settings of ultralytics that let it, or a service that it knows, report on what it does.
_REPORTING: Final = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")


@contextmanager
def _unchanged() -> Iterator[None]:
    """Environment, warnings, print options, OpenCV's threads and ``torch.save`` as before.

    The settings file of ultralytics goes to a folder that is removed again.
    """
    environment, printing, threads = dict(os.environ), np.get_printoptions(), cv2.getNumThreads()
    save = torch.save
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        os.environ.update(_SWITCHES, YOLO_CONFIG_DIR=folder)
        try:
            yield
        finally:
            for name in set(os.environ) - set(environment):
                del os.environ[name]
            os.environ.update(environment)
            np.set_printoptions(**printing)
            torch.set_printoptions(profile="default")
            torch.save = save
            cv2.setNumThreads(threads)


with _unchanged():
    import ultralytics
    from ultralytics.nn.tasks import SegmentationModel
    from ultralytics.utils.loss import v8SegmentationLoss
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import crop_mask

# In memory alone: also where ultralytics was imported before us, with a settings file of the user's.
dict.update(ultralytics.settings, dict.fromkeys(_REPORTING, False))

#: The folder of the architectures that ship with ultralytics.
ARCHITECTURES: Final = Path(ultralytics.__file__).parent / "cfg" / "models"

__all__ = [
    "ARCHITECTURES",
    "SegmentationModel",
    "crop_mask",
    "non_max_suppression",
    "v8SegmentationLoss",
]
