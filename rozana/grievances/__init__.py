"""Grievances from outside: the reference client of a complainant, and AICC's own machine (docs/sealing.md)."""
