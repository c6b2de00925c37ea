-- ARGV: session, three amounts to give back, then input and output tokens of a whole request, or nothing
redis.call('ZREM', FLIGHTS, ARGV[1])
for d = 1, 3 do
  if limit[d] > 0 then free[d] = math.min(free[d] + tonumber(ARGV[d + 1]), BURST * limit[d]) end
  local used = d > 1 and given(d + 3)
  if used then mean[d] = mean[d] == 0 and used or mean[d] + LEARNING * (used - mean[d]) end
end
save()
