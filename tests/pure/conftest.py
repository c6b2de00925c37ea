from hypothesis import HealthCheck, settings

# No deadline: on a machine that is busy with other tests a slow example proves nothing.
settings.register_profile("overnight", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("overnight")
