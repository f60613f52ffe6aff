"""The engine: tokens, fingerprints, membership, segments, attribution. Knows nothing of HTTP, Gradio or torch."""
