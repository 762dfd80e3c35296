"""The doctor of a build machine: facts from ``engine.pyz doctor``, checks, and their fixes.

``facts`` reads the document, the modules named after a subject judge it (pure functions),
``changes`` makes what ``--fix`` may change, ``examine`` asks a machine.
"""
