"""A quiz on real and generated pictures: questions, answers of a class on disk, and how well pictures are told apart."""
