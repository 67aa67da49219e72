"""`rozana verify`: whether log, documents and alerts are what the guarantees say. Reads only."""
