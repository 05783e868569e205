"""The explanation of one run's scores on the Evaluate page."""

from __future__ import annotations

import streamlit as st

from gan.judging import comparison, doctor, glossary, lines
from gan.judging.doctor import Verdict
from pages.parts import charts, words
from pages.parts.evaluation import atlas, board, reasons, verdicts
from pages.parts.evaluation.board import Board
from pages.parts.evaluation.table import Line
from pages.parts.learning import links


@st.fragment
def show_reasons(whole: Board) -> None:
    """Explain the scores of one run; built only when opened."""
    part = st.expander("Why?", icon=":material/troubleshoot:", key="why", on_change="rerun")
    if not part.open:
        return
    with part:
        judged = [*whole.explained, *(run.id for run in whole.chosen if run.id not in whole.explained and board.on_curves(run))]
        if st.session_state.get("why/run") not in judged:
            st.session_state["why/run"] = judged[0]
        run_id = st.selectbox("Run to explain", judged, key="why/run", format_func=whole.names.__getitem__)
        run, line = next(run for run in whole.chosen if run.id == run_id), whole.explained.get(run_id)
        found = board.verdicts(whole, run)
        if line is None:
            tell_verdicts(found)
            return
        seen = verdicts.show(run, line, found)
        said = [verdict.name for verdict in found if verdict.kind == "fault" or verdict.name in doctor.EARLY]
        told = [*reasons.reasons(line, said), *glossary.missing(line)]
        st.markdown("\n".join(f"- {words.escape(sentence)}" for sentence in told))
        if "classes" not in seen:
            show_classes(line)
        looks = [look for look in comparison.looks(line) if look.name not in seen]
        with st.grid(max(1, len(looks)), min_column_width=260, gap="small"):
            for look in looks:
                about = f"Distribution of {look.name} in generated and real images"
                st.plotly_chart(charts.look(*look), key=f"why/{look.name}", alt=about, config=charts.camera(look.name))
        st.caption(words.escape(f"{lines.made_from(line)}."))
        links.offer(*(name for name in glossary.SCORES if lines.number(line, name) is not None))
        atlas.panel(run)


def tell_verdicts(found: list[Verdict]) -> None:
    """Show verdicts and remedies for a run judged by its curves alone."""
    for verdict in found:
        st.badge(verdict.title, icon=":material/stethoscope:", color=board.COLOURS[verdict.kind])  # type: ignore[arg-type]
        st.markdown(words.escape(f"{verdict.sentence} {verdict.remedy}"))
        links.offer(verdict.name)
    st.caption("Judged by its training curves alone; see the Watch page.")


def show_classes(line: Line) -> None:
    """Show the share of each class, if classes are known and few enough to plot."""
    if found := comparison.classes(line):
        st.plotly_chart(
            charts.shares_of_classes(*found),
            key="why/classes",
            config=charts.camera("classes"),
            alt="Share of each class in generated and real images",
        )
