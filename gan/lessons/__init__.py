"""The lessons of the Learn page: questions, bets, what is played, and what is certain to happen; torch-free."""

from gan.lessons.course import LESSONS, about, find
from gan.lessons.lesson import Lesson

__all__ = ["LESSONS", "Lesson", "about", "find"]
