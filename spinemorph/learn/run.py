"""From a data set and settings to the weights of every fold; an interrupted run is taken up again."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from spinemorph import __version__
from spinemorph.data.files import write_json
from spinemorph.errors import SpinemorphError, UsageError
from spinemorph.learn.checkpoint import drop_checkpoints
from spinemorph.learn.curves import draw_curves, write_log
from spinemorph.learn.dataset import FilmSet, fingerprint
from spinemorph.learn.family import Family
from spinemorph.learn.films import Prepared, prepare
from spinemorph.learn.folds import Fold, Split, split
from spinemorph.learn.inference import FamilySegmenter, choose_device
from spinemorph.learn.options import FoldResult, TrainOptions
from spinemorph.learn.predict import write_predictions
from spinemorph.learn.progress import Progress
from spinemorph.learn.settings import RunSettings, read_settings, settings_from
from spinemorph.learn.trainer import Epoch, Training, best_epoch
from spinemorph.learn.weights_file import load_weights, manifest_path, save_weights

RUN: Final = "run.json"
WEIGHTS: Final = "weights.safetensors"
PREDICTED: Final = "test.json"
FamilyClass = Callable[[RunSettings], Family]


def train_family(
    family: FamilyClass, dataset: FilmSet, options: TrainOptions
) -> tuple[FoldResult, ...]:
    """Train every fold that is asked for; what is done already is kept.

    ``options.output`` then holds ``run.json`` (family, settings, split, films, versions) and for each
    fold ``fold-1/`` with ``weights.safetensors`` and its manifest, ``log.csv``, ``curves.png``, and, where
    test films were set aside, ``test.json``: what the model finds on them, as COCO. UsageError where the
    folder holds another run; SpinemorphError where too many films cannot be read.
    """
    settings = _settings(family, options)
    device = choose_device(options.device)
    parts = split([film.name for film in dataset.films], options.folds, options.test, options.seed)
    numbers = range(1, options.folds + 1) if options.fold is None else (options.fold,)
    if options.fold is not None and not 1 <= options.fold <= options.folds:
        raise UsageError(f"--fold {options.fold}: there are {options.folds} folds")
    with Progress(options.quiet) as progress:
        progress.say(f"preparing {len(dataset)} films")
        seen = [film for film in dataset.films if film.name not in set(parts.test)]
        films, problems = prepare(seen, settings)
        for problem in (*dataset.problems, *problems):
            progress.say(f"left out: {problem}")
        ready = {film.name: film for film in films}
        if len(ready) < options.folds + 1:
            raise SpinemorphError(f"{dataset.source}: none or too few of its films can be used")
        run = _describe(family, settings, dataset, films, parts, options)
        _claim(options.output / RUN, run)
        results = []
        for number in numbers:
            fold = parts.folds[number - 1]
            result = _train_fold(
                family, settings, ready, fold, number, run, options, device, progress
            )
            results.append(result)
            target = result.weights.with_name(PREDICTED)
            if parts.test and not target.exists():
                segmenter = FamilySegmenter(family, result.weights, options.device)
                for problem in write_predictions(segmenter, dataset.named(parts.test), target):
                    progress.say(f"left out: {problem}")
    return tuple(results)


def _train_fold(
    family: FamilyClass,
    settings: RunSettings,
    films: Mapping[str, Prepared],
    fold: Fold,
    number: int,
    run: Mapping[str, Any],
    options: TrainOptions,
    device: str,
    progress: Progress,
) -> FoldResult:
    folder = options.output / f"fold-{number}"
    done = folder / "done.json"
    if done.exists():
        known = json.loads(done.read_text("utf-8"))
        progress.say(f"fold {number}: done already")
        return FoldResult(**{**known, "weights": folder / WEIGHTS})
    started = time.monotonic()
    train = [films[name] for name in fold.train if name in films]
    validation = [films[name] for name in fold.validation if name in films]
    training = Training(
        family(settings), train, validation, folder, seed=options.seed, device=device
    )
    manifest = {key: run[key] for key in _IN_MANIFEST} | {"fold": number}

    def keep(log: Sequence[Epoch], weights: Mapping[str, Tensor], best: bool) -> None:
        last = log[-1]
        if best and last.mean_iou is not None:
            facts = {"epoch": last.number, "validation_mean_iou": round(last.mean_iou, 6)}
            save_weights(folder / WEIGHTS, weights, {**manifest, **facts})
        write_log(log, folder / "log.csv")
        draw_curves(log, f"{run['family']}, fold {number}", folder / "curves.png")
        progress.epoch(last, best)

    progress.start(f"{run['family']} fold {number}/{len(run['split']['folds'])}")
    log = training.run(keep, progress.step)
    progress.stop()
    found = best_epoch(log)
    assert found is not None  # noqa: S101  the last epoch is always validated
    best, iou = found
    sha256 = load_weights(folder / WEIGHTS, str(run["family"])).sha256
    seconds = round(time.monotonic() - started, 1)
    result = FoldResult(
        number, folder / WEIGHTS, sha256, len(log), best.number, iou, len(train), seconds
    )
    write_json(done, {**vars(result), "weights": WEIGHTS})
    drop_checkpoints(folder)
    return result


#: What of the run stands in the manifest of every weights file.
_IN_MANIFEST: Final = ("family", "settings", "data", "seed", "versions", "licence")


def _describe(
    family: FamilyClass,
    settings: RunSettings,
    dataset: FilmSet,
    films: Sequence[Prepared],
    parts: Split,
    options: TrainOptions,
) -> dict[str, Any]:
    """Everything that decides a run's result."""
    name = str(getattr(family, "name", ""))
    return {
        "schema": "spinemorph/run/1",
        "family": name,
        "licence": str(getattr(family, "licence", "")),
        "settings": settings.to_dict(),
        "seed": options.seed,
        "data": {
            "format": dataset.format,
            "films": len(films),
            "fingerprint": fingerprint([(film.name, film.digest()) for film in films]),
        },
        "split": {
            "test": list(parts.test),
            "folds": [
                {"train": list(fold.train), "validation": list(fold.validation)}
                for fold in parts.folds
            ],
        },
        "versions": {
            "spinemorph": __version__,
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            **_plugin_version(family),
        },
    }


def _claim(path: Path, run: Mapping[str, Any]) -> None:
    """Write the run's description, or find the same one; UsageError where another run lies there."""
    if not path.exists():
        write_json(path, dict(run))
        return
    try:
        known = json.loads(path.read_text("utf-8"))
    except ValueError as fault:
        raise UsageError(f"{path}: damaged; choose another folder") from fault
    different = [key for key in run if key != "versions" and known.get(key) != run[key]]
    if different:
        raise UsageError(
            f"{path.parent}: holds another run (its {different[0]} differs): choose another folder"
        )


def _settings(family: FamilyClass, options: TrainOptions) -> RunSettings:
    own: Mapping[str, Any] = getattr(family, "options", {})
    if options.settings is not None:
        settings = read_settings(options.settings, own)
    else:
        settings = preset(family, options.preset)
    return settings if options.epochs is None else replace(settings, epochs=options.epochs)


def preset(family: FamilyClass, name: str) -> RunSettings:
    """The settings that the family's package ships under ``presets/<name>.toml``."""
    import tomllib

    package = family.__module__.partition(".")[0]
    file = resources.files(package) / "presets" / f"{name}.toml"
    if not file.is_file():
        raise UsageError(f"{package} has no preset {name!r}: give --settings FILE")
    values = tomllib.loads(file.read_text("utf-8"))
    return settings_from(values, f"{package}/presets/{name}.toml", getattr(family, "options", {}))


def _plugin_version(family: FamilyClass) -> dict[str, str]:
    distribution = family.__module__.partition(".")[0].replace("_", "-")
    try:
        return {distribution: metadata.version(distribution)}
    except metadata.PackageNotFoundError:
        return {}


__all__ = ["FoldResult", "TrainOptions", "manifest_path", "preset", "train_family"]
