"""Reports of comparisons: figures, tables, and the files that are made of them."""
