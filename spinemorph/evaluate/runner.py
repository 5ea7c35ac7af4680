"""Score many films on every core at constant memory: films are read, scored and forgotten.

A few films are in flight at a time; each worker process reads its own pair of annotations and
sends back numbers only.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice

from spinemorph.data.annotation import Annotation, Problem
from spinemorph.data.collection import Collection, Loaded, Loader
from spinemorph.errors import AnnotationError, PluginError
from spinemorph.hookspecs import Evaluator, EvaluatorPlugin

IN_FLIGHT = 4


@dataclass(frozen=True)
class FilmScore:
    """One film: its metrics, or why there are none."""

    image: str
    values: Mapping[str, float | None]
    problems: tuple[Problem, ...] = ()
    failure: str | None = None


#: Gives the evaluators inside a worker; must pickle where processes are spawned.
EvaluatorSource = Callable[[], Sequence[EvaluatorPlugin]]


def columns_of(plugins: Sequence[EvaluatorPlugin]) -> tuple[str, ...]:
    """All metrics in order; PluginError where two evaluators claim the same one."""
    owners: dict[str, str] = {}
    for plugin in plugins:
        for metric in plugin.metrics:
            if metric in owners:
                raise PluginError(
                    f"evaluators {owners[metric]!r} and {plugin.name!r} both fill {metric!r}"
                )
            owners[metric] = plugin.name
    return tuple(owners)


def score_film(
    predicted: Loaded, reference: Loaded, evaluators: Sequence[tuple[EvaluatorPlugin, Evaluator]]
) -> FilmScore:
    """Scores of one film. AnnotationError where the two sizes differ."""
    image = reference.annotation.image
    truth, guess = same_size(predicted.annotation, reference.annotation)
    values: dict[str, float | None] = {}
    for plugin, evaluator in evaluators:
        try:
            result = evaluator.evaluate(guess, truth)
        except Exception as error:
            raise PluginError(
                f"evaluator {plugin.name!r} failed on {image}: {type(error).__name__}: {error}"
            ) from error
        values |= {name: _checked(plugin, name, result.get(name)) for name in plugin.metrics}
    return FilmScore(image, values, (*predicted.problems, *reference.problems))


def same_size(predicted: Annotation, reference: Annotation) -> tuple[Annotation, Annotation]:
    """Reference and prediction as masks of one size, taken from the side that knows it."""
    if predicted.size and reference.size and predicted.size != reference.size:
        raise AnnotationError(
            f"{reference.image}: the prediction is {_by(predicted.size)}, "
            f"the reference {_by(reference.size)}"
        )
    size = reference.size or predicted.size
    return reference.rasterized(size), predicted.rasterized(size)


def score_films(
    predicted: Collection,
    reference: Collection,
    source: EvaluatorSource,
    workers: int = 1,
) -> Iterator[FilmScore]:
    """Scores of every film of the reference that has a prediction, in the reference's order."""
    pairs = [
        (key, predicted.loaders[key], loader)
        for key, loader in reference.loaders.items()
        if key in predicted.loaders
    ]
    if workers == 1 or len(pairs) < 2:
        _prepare(source)
        yield from (_task(*pair) for pair in pairs)
        return
    with ProcessPoolExecutor(workers, initializer=_prepare, initargs=(source,)) as pool:
        yield from _in_order(pool, pairs, workers * IN_FLIGHT)


def _in_order(
    pool: ProcessPoolExecutor, pairs: Iterable[tuple[str, Loader, Loader]], ahead: int
) -> Iterator[FilmScore]:
    waiting: deque[Future[FilmScore]] = deque()
    rest = iter(pairs)
    try:
        for pair in islice(rest, ahead):
            waiting.append(pool.submit(_task, *pair))
        while waiting:
            yield waiting.popleft().result()
            for pair in islice(rest, 1):
                waiting.append(pool.submit(_task, *pair))
    finally:
        for future in waiting:
            future.cancel()


_evaluators: list[tuple[EvaluatorPlugin, Evaluator]] = []


def _prepare(source: EvaluatorSource) -> None:
    """Create the evaluators once in each process."""
    _evaluators[:] = [(plugin, plugin.create()) for plugin in source()]


def _task(key: str, predicted: Loader, reference: Loader) -> FilmScore:
    try:
        truth = reference(None)
        guess = predicted(truth.annotation.size)
        return score_film(guess, truth, _evaluators)
    except (AnnotationError, PluginError) as error:
        return FilmScore(key, {}, failure=str(error))


def _checked(plugin: EvaluatorPlugin, name: str, value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, bool | int | float) or not math.isfinite(value):
        raise PluginError(
            f"evaluator {plugin.name!r} gave {value!r} for {name!r}: expected a finite number or None"
        )
    return float(value)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
