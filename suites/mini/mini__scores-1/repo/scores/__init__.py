from scores.reader import ScoreError, read_scores
from scores.ranking import ranking

__all__ = ["ScoreError", "ranking", "read_scores"]
