import inspect
import re

import geocrop_processes.errors as tree


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    """Each name stands under the nearest name before it that is indented less."""
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (tree.__doc__ or "").splitlines():
        match = re.match(r"^ {4}([│├└─ ]*)([A-Z]\w+)(?: {2,}|$)", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        above = [pair for pair in above if pair[0] < depth]
        if above:
            drawn[name] = above[-1][1]
        above.append((depth, name))
    real = {
        name: kind.__mro__[1].__name__
        for name, kind in inspect.getmembers(tree, inspect.isclass)
        if kind is not tree.GeoCropError
    }
    assert drawn == real


def test_every_error_says_in_a_sentence_what_it_is_for() -> None:
    for _, kind in inspect.getmembers(tree, inspect.isclass):
        assert (kind.__doc__ or "").endswith(".")
