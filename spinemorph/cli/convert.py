"""``spinemorph convert``: annotations from one format to another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from spinemorph.cli import NOTHING_DONE, OK, SOME_FAILED
from spinemorph.cli.annotation_options import class_option, images_option, read_options
from spinemorph.data.annotation import Annotation, Problem
from spinemorph.data.collection import Collection, size_of
from spinemorph.data.formats import FORMATS, READABLE, Losses, find_format, open_annotations
from spinemorph.errors import AnnotationError, UsageError

NAMES = click.Choice(list(FORMATS))


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "from_",
    type=click.Choice(list(READABLE)),
    help="Format of SOURCE; recognised by its content without.",
)
@click.option("--to", required=True, type=NAMES, help="Format of TARGET.")
@images_option
@class_option
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON on stdout.")
def convert(
    source: Path,
    target: Path,
    from_: str | None,
    to: str,
    images: Path | None,
    classes: tuple[str, ...],
    as_json: bool,
) -> int:
    """Convert the annotations in SOURCE to the format --to, in TARGET.

    What the target cannot hold is said on stderr; broken records are named and left out (exit 3).
    """
    form = find_format(to)
    if target.resolve() == source.resolve():
        raise UsageError(f"{target}: is the source itself")
    if form.is_folder and target.is_file():
        raise UsageError(f"{target}: {to} is a folder, this is a file")
    if not form.is_folder and target.is_dir():
        raise UsageError(f"{target}: {to} is a file, this is a folder")
    options = read_options(images, classes)
    collection = open_annotations(source, from_, options)
    problems = list(collection.problems)
    failed: list[str] = []
    losses = Losses(form)
    counted = _Counter()
    stream = counted.watch(_annotations(collection, images, problems, failed))
    form.write(losses.watch(stream), target)
    for line in (*map(str, problems), *failed):
        click.echo(f"left out: {line}", err=True)
    for line in losses.lines():
        click.echo(f"lost: {line}", err=True)
    if as_json:
        result = {
            "from": collection.format,
            "to": to,
            "images": counted.images,
            "instances": counted.instances,
            "problems": [str(problem) for problem in problems],
            "failed": failed,
            "lost": dict(sorted(losses.counts.items())),
        }
        click.echo(json.dumps(result, indent=1))
    else:
        click.echo(f"{counted.images} images, {counted.instances} instances in {target}", err=True)
    if failed and not counted.images:
        return NOTHING_DONE
    return SOME_FAILED if failed or problems else OK


class _Counter:
    """Counts what passes."""

    def __init__(self) -> None:
        self.images = self.instances = 0

    def watch(self, annotations: Iterator[Annotation]) -> Iterator[Annotation]:
        for annotation in annotations:
            self.images += 1
            self.instances += len(annotation.instances)
            yield annotation


def _annotations(
    collection: Collection, images: Path | None, problems: list[Problem], failed: list[str]
) -> Iterator[Annotation]:
    for key in collection.loaders:
        try:
            loaded = collection.load(key, size_of(images, key))
        except AnnotationError as error:
            failed.append(str(error))
            continue
        problems.extend(loaded.problems)
        yield loaded.annotation
