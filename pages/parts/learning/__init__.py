"""Parts of the page Learn: the list of lessons, a lesson from its bet to its answer, the stages, links from other pages."""
