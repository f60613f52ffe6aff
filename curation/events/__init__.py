"""Files of GitHub's public events: the repositories they name, and the issue threads they carry."""
