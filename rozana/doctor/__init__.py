"""`rozana doctor`: how the system is, what is wrong, and what to do. Reads only."""
