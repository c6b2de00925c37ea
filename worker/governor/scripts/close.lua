-- ARGV: session, when it was sent, the pause that Claude asks for or nothing, 1 for an overload, limits and what is left
redis.call('ZREM', FLIGHTS, ARGV[1])
observe(5)
local overload, pause = ARGV[4] == '1', given(3)
if tonumber(ARGV[2]) >= s.closed_at then
  s.strikes = s.strikes + 1
  s.closed_at = now
  s.window = overload and AFTER_OVERLOAD or AFTER_LIMIT
  pause = pause or math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ^ math.min(s.strikes - 1, 10))
end
if pause and overload then pause = math.min(pause, LONGEST_OVERLOAD) end
s.closed_until = math.max(s.closed_until, now + (pause or 0))
if not overload and limit[1] > 0 then
  free[1] = math.min(free[1], 1 - limit[1] / 60 * (s.closed_until - now))
end
save()
