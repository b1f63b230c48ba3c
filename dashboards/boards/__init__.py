"""The dashboards, each a module with a function `build()`."""
