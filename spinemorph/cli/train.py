"""``spinemorph train``: a model family on annotated films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spinemorph.cli import OK
from spinemorph.cli.annotation_options import class_option, read_options
from spinemorph.errors import SpinemorphError, UsageError

if TYPE_CHECKING:
    from spinemorph.learn.options import FoldResult


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path, exists=True))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run; a run that was interrupted is taken up there again.",
)
@click.option("--segmenter", required=True, metavar="NAME", help="The model family.")
@click.option(
    "--folds",
    type=click.IntRange(1, 50),
    default=1,
    show_default=True,
    help="Parts of the cross-validation; one part trains on 80 and watches 20 of 100 films.",
)
@click.option("--fold", type=click.IntRange(1), help="Train this fold alone.")
@click.option(
    "--test",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Films that no fold sees; what the model finds on them is written as COCO.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--preset",
    type=click.Choice(["light", "full"]),
    default="light",
    show_default=True,
    help="Settings that the family ships: light for a CPU, full for a GPU.",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A TOML file of settings instead of a preset.",
)
@click.option("--epochs", type=click.IntRange(1), help="Instead of what the settings say.")
@click.option("--from", "from_", metavar="FORMAT", help="Recognised by content without it.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the films; without it they lie beside their annotation.",
)
@class_option
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
def train(
    dataset: Path,
    output: Path,
    segmenter: str,
    folds: int,
    fold: int | None,
    test: int,
    seed: int,
    device: str,
    preset: str,
    settings: Path | None,
    epochs: int | None,
    from_: str | None,
    images: Path | None,
    classes: tuple[str, ...],
    as_json: bool,
) -> int:
    """Train the model family --segmenter on the annotated films of DATASET."""
    from spinemorph.learn.dataset import open_films
    from spinemorph.learn.options import TrainOptions
    from spinemorph.plugins import load_plugins

    plugin = load_plugins().segmenter(segmenter)
    if plugin.train is None:
        raise UsageError(f"segmenter {segmenter!r} cannot be trained by this command")
    films = open_films(dataset, from_, read_options(images, classes))
    options = TrainOptions(
        output,
        folds,
        fold,
        test,
        seed,
        device,
        "full" if preset == "full" else "light",
        settings,
        epochs,
    )
    try:
        results: tuple[FoldResult, ...] = plugin.train(films, options)
    except ModuleNotFoundError as fault:
        raise SpinemorphError(
            f"training {segmenter!r} needs {fault.name}: pip install 'spinemorph[train]'"
        ) from fault
    except OSError as fault:
        raise SpinemorphError(f"{output}: cannot be written: {fault.strerror}") from fault
    if as_json:
        rows = [{**vars(each), "weights": str(each.weights)} for each in results]
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
        return OK
    for each in results:
        click.echo(
            f"fold {each.number}: mean IoU {100 * each.mean_iou:.2f} % on validation films, epoch "
            f"{each.best_epoch} of {each.epochs}: {each.weights}"
        )
    return OK
