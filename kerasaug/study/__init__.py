"""The comparison: arms, trials, scores, verdict, report."""
