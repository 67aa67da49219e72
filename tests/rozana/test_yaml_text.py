"""The YAML that we write says what it was made of, to a reader that is not ours."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rozana.yaml_text import yaml_text

TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from("\n\t"), max_size=12)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXTS, st.just([]), st.just({}))
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1))
def test_it_is_read_as_what_it_was(value: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(value)) == value


@pytest.mark.parametrize(
    "word", ["yes", "No", "on", "null", "3.0.0", "1e3", "2026-11-23", "-1", "a: b", "# a", "", "~"]
)
def test_a_text_stays_a_text(word: str) -> None:
    assert yaml.safe_load(yaml_text({word: word})) == {word: word}


def test_how_it_looks() -> None:
    text = yaml_text({"a": [{"$ref": "#/b", "c": 1}, [2, "x y"]], "empty": {}, "none": None})
    assert text == 'a:\n  - $ref: "#/b"\n    c: 1\n  - - 2\n    - "x y"\nempty: {}\nnone: null\n'
