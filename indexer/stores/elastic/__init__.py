"""An index in an Elasticsearch cluster: documents, fingerprints and full text in one index a generation, behind an alias."""
