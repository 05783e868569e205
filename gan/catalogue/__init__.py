"""What can be chosen by name, with facts for users: data sets and losses."""
