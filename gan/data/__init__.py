"""Real images: what there is (``catalogue``, torch-free) and how it is loaded (``loaders``) and fed (``feed``)."""
