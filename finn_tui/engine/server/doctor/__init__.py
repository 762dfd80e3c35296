"""Facts about the machine that FINN runs on: ``python engine.pyz doctor`` prints one document.

Nothing is judged here and nothing is changed. Contents of licence files and variables that are
not named in ``environment`` are never read.
"""
