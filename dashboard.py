"""The dashboard's router: the list of pages. Start it with ``streamlit run dashboard.py``.

Pages have no icons, because the browser would fetch them from the network and the dashboard must work offline.
"""

import streamlit as st

from pages.parts import service

if __name__ == "__main__":  # runs on every page run
    from gan.access import classroom
    from pages.parts import frame

    listed = [
        st.Page(
            "pages/home.py", title="Home", default=True, help="Introduction, a first training with one click, all runs as cards."
        ),
        st.Page("pages/data.py", title="Data", help="View the real images of a data set and import your own."),
        st.Page("pages/play.py", title="Play", help="Step both players by hand, or let them play, and watch every turn live."),
        st.Page("pages/learn.py", title="Learn", help="Lessons of five minutes: a question, a bet, a game that answers it."),
        st.Page(
            "pages/train.py", title="Train", help="Choose a preset, change settings, see the expected time, start the training."
        ),
        st.Page("pages/sweeps.py", title="Sweeps", help="Groups of runs: plan, progress, pause, cancel and retry."),
        st.Page(
            "pages/watch.py", title="Watch", help="One run live: losses, D(real), D(fake), samples; stop, resume, train longer."
        ),
        st.Page("pages/evaluate.py", title="Evaluate", help="FID and IS of selected runs, next to the settings that differ."),
        st.Page(
            "pages/compare.py", title="Compare", help="Runs side by side: one slider sets the step of samples, curves and scores."
        ),
        st.Page(
            "pages/explore.py", title="Explore", help="A trained generator: walks between latents, neighbours, arithmetic, a film."
        ),
        st.Page("pages/quiz.py", title="Quiz", help="Real or generated? One person or a class against the discriminator."),
    ]
    if classroom.is_on():
        from pages.parts.classroom import bar

        about = "The newest pictures of everybody; for the teacher, the people and the codes."
        listed.insert(1, st.Page("pages/class.py", title="Class", help=about))
        frame.set_bar(bar.draw)
    else:
        frame.set_bar(None)
    page = st.navigation(listed, position="top")
    st.session_state["is-routed"] = True
    with frame.drawing():
        page.run()
else:  # runs once, when the server starts
    app = st.App(__file__, lifespan=service.lifespan, routes=service.routes(), middleware=service.middleware())
