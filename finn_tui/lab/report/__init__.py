"""The report that is handed in: Markdown, charts, the typesetter and the zip."""
