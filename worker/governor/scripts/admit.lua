-- ARGV: session, three limits, what is left of each
redis.call('ZREM', FLIGHTS, ARGV[1])
s.window = s.window * 2
if s.window >= OPEN then s.window, s.strikes = 0, 0 end
observe(2)
save()
