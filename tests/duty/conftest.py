"""Property tests here have no deadline: a busy machine must not fail them. The suite has its own time limit."""

from hypothesis import settings

settings.register_profile("duty", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("duty")
