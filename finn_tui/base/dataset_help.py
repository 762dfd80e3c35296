"""What a user's own data set may hold, in words."""

#: What is accepted, for help and errors.
ACCEPTED = (
    "An .npz file with the arrays images and labels (or x and y). Images are (N, ...): integers as "
    "the accelerator takes them, or floats as the network takes them, which the host quantizes. "
    "Labels are (N,) classes or (N, classes) one-hot; without classes, labels are (N, ...) values "
    "that the outputs are compared with. Labels may be left out."
)
