"""Picture formats of the field: every file is read as plain data, in chunks, without pickles; torch-free."""
