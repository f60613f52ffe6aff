"""An index in a folder: segments, filter and tantivy."""
