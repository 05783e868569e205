"""Parts of the Sweeps page: the table of variants, and the links to pages that compare them."""
