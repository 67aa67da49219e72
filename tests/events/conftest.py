"""Property tests here have no deadline: a busy machine must not fail them. The suite has its own time limit."""

from hypothesis import settings

settings.register_profile("events", deadline=None)
settings.load_profile("events")
