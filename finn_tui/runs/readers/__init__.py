"""Readers of what FINN and AMD's tools write: one small module a subject.

A reader takes bytes as they come, never looks back, keeps a bounded amount, and never raises on
what it is fed; ``registry.reader_for`` chooses it by a file's name and first bytes.
"""
