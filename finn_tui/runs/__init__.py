"""Run folders: what they hold (``folder``), where a run works (``placement``), time left."""
