"""The course: its steps as data, how far they are, and the files of the student."""
