"""`rozana demo`: `cast` and `script` say what happens, `play` does it, `screen` shows it, `run` goes round it."""
