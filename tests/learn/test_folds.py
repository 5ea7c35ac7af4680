import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.errors import UsageError
from spinemorph.learn.folds import split


def names(count):
    return [f"film_{k}" for k in range(count)]


@given(st.integers(12, 120), st.integers(1, 6), st.integers(0, 5), st.integers(0, 9))
@settings(deadline=None)
def test_every_film_is_used_and_none_twice(count, folds, test, seed):
    parts = split(names(count), folds, test, seed)
    assert len(parts.test) == test
    for fold in parts.folds:
        everything = [*fold.train, *fold.validation, *parts.test]
        assert sorted(everything) == sorted(names(count))
    if folds >= 5:
        watched = [name for fold in parts.folds for name in fold.validation]
        assert sorted(watched + list(parts.test)) == sorted(names(count))


def test_the_paper_s_protocol():
    parts = split(names(830), folds=5, test=100)
    assert [len(fold.train) for fold in parts.folds] == [584] * 5
    assert [len(fold.validation) for fold in parts.folds] == [146] * 5


def test_the_order_of_the_films_does_not_matter_and_the_seed_does():
    assert split(names(40), 5, 4) == split(names(40)[::-1], 5, 4)
    assert split(names(40), 5, 4, seed=1) != split(names(40), 5, 4, seed=2)


def test_one_split_watches_a_fifth():
    (fold,) = split(names(50)).folds
    assert len(fold.validation) == 10


def test_too_few_films_or_two_of_one_name_are_refused():
    with pytest.raises(UsageError, match="3 films are too few"):
        split(names(3), 5)
    with pytest.raises(UsageError, match="same name"):
        split(["a", "a", "b", "c", "d", "e"])
