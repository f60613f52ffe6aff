"""The pages that people read: templates, style and script in one response, nothing fetched from anywhere."""
