"""Guests: pictures that were made elsewhere and are scored beside the runs; torch-free."""
