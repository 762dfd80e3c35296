"""Widgets and text drawing that know no feature."""
