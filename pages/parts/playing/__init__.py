"""Parts of the page Play: the component that draws a live game, its set-up, and the address of a set-up."""
