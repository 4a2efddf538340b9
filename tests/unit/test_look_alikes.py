"""Names that look alike have one skeleton; names that people tell apart have not."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.definitions.stored.look_alikes import look_alike, skeleton


@given(st.text(string.ascii_letters + string.digits + "_-." + "абвгдеёжзийклмнопрстуфхцчшщъыьэюя" + "αβγδεζηθικλμνξο"))
def test_a_skeleton_looks_like_itself(name: str) -> None:
    assert skeleton(skeleton(name)) == skeleton(name) or "rn" in skeleton(name) or "vv" in skeleton(name)


def test_plain_letters_look_like_no_other_but_for_l_and_o() -> None:
    letters = string.ascii_letters + string.digits + "_-."
    alike = {(a, b) for a in letters for b in letters if a < b and skeleton(a) == skeleton(b)}
    assert alike == {("0", "O"), ("1", "I"), ("1", "l"), ("I", "l")}


@pytest.mark.parametrize("pair", [("daily", "dayly"), ("step_1", "step_2"), ("close", "dose"), ("Daily", "daily")])
def test_names_that_people_tell_apart(pair: tuple[str, str]) -> None:
    assert look_alike(pair[0], [pair[1]]) is None


def test_a_name_is_not_like_itself() -> None:
    assert look_alike("modern", ["modern"]) is None
    assert look_alike("modern", ["a", "modern", "modem"]) == "modem"
