from hypothesis import settings

# No deadline: on a machine that is busy with other tests a slow example proves nothing.
settings.register_profile("overnight", deadline=None)
settings.load_profile("overnight")
