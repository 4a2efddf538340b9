"""Random workflows as the oracle sees them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.workflows import ACCEPTS

Shape = dict[str, tuple[str, dict[str, frozenset[str]]]]


@st.composite
def shapes(draw: st.DrawFn, most: int = 7) -> Shape:
    """Tasks named a, b, …; sources first."""
    names = "abcdefghij"[: draw(st.integers(1, most))]
    shape: Shape = {}
    for name in names:
        sources = draw(st.lists(st.sampled_from(list(shape)), unique=True, max_size=4)) if shape else []
        edges = {source: draw(st.sampled_from(ACCEPTS)) for source in sources}
        shape[name] = (draw(st.sampled_from(["all", "any"])), edges)
    return shape
