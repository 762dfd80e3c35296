"""Everything a user can do: the actions, the user's keys, why one is disabled."""
