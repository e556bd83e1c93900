"""The answer cache: what may be answered again, and by which key it is found."""
