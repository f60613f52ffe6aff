"""Near-duplicates: MinHash signatures, bands sorted on disk, verified similarity, clusters that keep their names."""
