"""The router: the list of pages and their titles; start it with ``streamlit run dashboard.py``.

Pages have no icons here: the browser would fetch each from the network to show it in its tab, and this works offline.
"""

import streamlit as st

from pages.parts import service

if __name__ == "__main__":  # for every look at a page
    listed = [
        st.Page(
            "pages/home.py", title="Home", default=True, help="What this is, one click to a first training, all runs as cards."
        ),
        st.Page("pages/data.py", title="Data", help="Look at the real images of a data set, and add pictures of your own."),
        st.Page("pages/train.py", title="Train", help="Choose a preset, change its settings, see how long it takes, launch it."),
        st.Page("pages/sweeps.py", title="Sweeps", help="Many runs at once: how far they are, pause, cancel, retry."),
        st.Page(
            "pages/watch.py", title="Watch", help="One run live: losses, D(real), D(fake), samples; stop, resume, train longer."
        ),
        st.Page("pages/evaluate.py", title="Evaluate", help="FID and IS of the runs you choose, beside what differs in them."),
        st.Page("pages/compare.py", title="Compare", help="Runs side by side: one slider moves all samples, curves and scores."),
    ]
    page = st.navigation(listed, position="top")
    st.session_state["is-routed"] = True
    page.run()
else:  # once, when the server starts
    app = st.App(__file__, lifespan=service.lifespan)
