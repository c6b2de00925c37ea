-- ARGV: session, tenant, class (0 interactive, 1 background), requests, input tokens, output tokens
local session, share, reached = ARGV[1], ARGV[3] .. ':' .. ARGV[2], 'reached' .. ARGV[3]
local need = { tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) }

for _, gone in ipairs(redis.call('ZRANGEBYSCORE', UNTIL, '-inf', now, 'LIMIT', 0, 200)) do
  redis.call('ZREM', LINE, gone)
  redis.call('ZREM', UNTIL, gone)
end
redis.call('ZREMRANGEBYSCORE', FLIGHTS, '-inf', now)
local waiting = redis.call('ZCARD', LINE)
if waiting == 0 then redis.call('DEL', LAST) end

local place = tonumber(redis.call('ZSCORE', LINE, session) or nil)
local stands = place ~= nil
if not stands then
  s.came = (s.came + 1) % ROUND
  local last = tonumber(redis.call('HGET', LAST, share) or 0)
  place = math.floor(math.max(s[reached], last)) + 1 + s.came / ROUND
end
local ahead = waiting == 0 and 0 or redis.call('ZCOUNT', LINE, '-inf', string.format('(%.6f', place))

local gate, spread = 0, math.min(ahead, MOST_APART) * APART
if now < s.closed_until then
  gate = s.closed_until - now + spread
elseif s.window > 0 and redis.call('ZCARD', FLIGHTS) >= s.window then
  gate = ANSWER + spread
end
local wait = 0
for d = 1, 3 do
  if limit[d] > 0 then
    local lacking = math.min(need[d], BURST * limit[d]) + ahead * mean[d] - free[d]
    wait = math.max(wait, lacking * 60 / limit[d])
  end
end

if gate > 0 or wait > 0 then
  local delay = math.min(math.max(gate, wait, SOONEST), math.max(LOOK, waiting / LOOKS))
  if not stands then redis.call('HSET', LAST, share, string.format('%.6f', place)) end
  redis.call('ZADD', LINE, string.format('%.6f', place), session)
  redis.call('ZADD', UNTIL, now + delay + PATIENCE, session)
  save()
  return { string.format('%.6f', now), string.format('%.6f', delay), '0', '0', 0 }
end

if waiting > 0 then
  local last = tonumber(redis.call('HGET', LAST, share) or 0)
  redis.call('HSET', LAST, share, string.format('%.6f', math.max(place, last)))
  s[reached] = math.max(s[reached], place)
end
if stands then
  redis.call('ZREM', LINE, session)
  redis.call('ZREM', UNTIL, session)
  waiting = waiting - 1
end
for d = 1, 3 do
  if limit[d] > 0 then free[d] = free[d] - need[d] end
end
redis.call('ZADD', FLIGHTS, now + FLIGHT, session)

local more = 0
if s.window == 0 and waiting == 0 then
  more = math.floor(math.min(AHEAD, limit[1] > 0 and AHEAD_SHARE * limit[1] or AHEAD))
  for d = 1, 3 do
    if limit[d] > 0 and free[d] < limit[d] / 2 then more = 0 end
  end
  for d = 1, 3 do
    if limit[d] > 0 then free[d] = free[d] - more * mean[d] end
  end
end
save()
return { string.format('%.6f', now), '', string.format('%.3f', mean[2]), string.format('%.3f', mean[3]), more }
