"""Parts of the page Class, and the bar of a class on all pages."""
