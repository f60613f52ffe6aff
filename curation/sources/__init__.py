"""One module per kind of source: packages installed, folders, git, archives, parquet, The Stack."""
