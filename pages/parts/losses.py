"""How to read a loss: what each player minimises, its range and typical values, its source."""

from __future__ import annotations

import re

import streamlit as st

from gan.catalogue.losses import LossFacts
from pages.parts import words


def explain(facts: LossFacts) -> None:
    """Draw the description of a loss."""
    st.markdown(words.escape(facts.good))
    st.markdown("The discriminator minimises")
    st.latex(_in_rows(facts.discriminator))
    st.markdown("and the generator")
    st.latex(_in_rows(facts.generator))
    st.markdown(f"**Sign and range:** {words.escape(facts.sign)}")
    st.caption(f"D is the discriminator output before any sigmoid σ. Source: {words.escape(facts.source)}")


def _in_rows(formula: str) -> str:
    """Return a formula with each expectation on a separate row, to fit a phone screen."""
    return r"\begin{aligned} & " + re.sub(r" ([-+]) (?=\\(?:mathbb|tfrac))", r" \\\\ & \1 ", formula) + r" \end{aligned}"
