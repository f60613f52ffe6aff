"""The forms in which an audit can be read."""
