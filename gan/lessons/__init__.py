"""The lessons of the Learn page: questions, bets, what is played, and what is certain to happen; torch-free."""
