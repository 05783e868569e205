"""Real images: the catalogue of data sets (``catalogue``, torch-free), loading (``loaders``) and batching (``feed``)."""
