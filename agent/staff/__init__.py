"""What staff do: answer, review, insert, snooze, translate, manage one another."""
