"""Data that the program draws itself: shapes, bedrooms, points in the plane."""
