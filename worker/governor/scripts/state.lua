-- The state of a pool, as worker/governor/pool.py has it: loaded before each verb, saved by it.
-- KEYS: pool (hash), line and until (sorted: session -> place, -> when the place lapses), last (hash), flights (sorted)
local POOL, LINE, UNTIL, LAST, FLIGHTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local BURST, FLIGHT, LEARNING, AHEAD, AHEAD_SHARE, SOONEST = 0.9, 120, 0.1, 16, 0.02, 0.05
local LOOK, LOOKS = 15, 20
local AT_FIRST, AFTER_LIMIT, AFTER_OVERLOAD, OPEN = 16, 4, 1, 64
local FIRST_PAUSE, LONGEST_PAUSE, LONGEST_OVERLOAD, APART, MOST_APART, ANSWER = 1, 30, 60, 0.05, 100, 0.5
local BACKGROUND, ROUND, PATIENCE, KEPT = 1e9, 1000000, 10, 86400

local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000

local stored = {}
local flat = redis.call('HGETALL', POOL)
for i = 1, #flat, 2 do stored[flat[i]] = tonumber(flat[i + 1]) end

local s = {
  window = stored.window or AT_FIRST, strikes = stored.strikes or 0, came = stored.came or 0,
  closed_at = stored.closed_at or 0, closed_until = stored.closed_until or 0,
  reached0 = stored.reached0 or 0, reached1 = stored.reached1 or BACKGROUND, at = math.max(now, stored.at or now),
}
local limit, free, mean = {}, {}, {}
for d = 1, 3 do
  limit[d] = stored['limit' .. d] or 0
  mean[d] = stored['mean' .. d] or (d == 1 and 1 or 0)
  free[d] = (stored['free' .. d] or 0) + limit[d] / 60 * math.max(0, now - (stored.at or now))
  free[d] = math.min(free[d], BURST * limit[d])
end

local function save()
  for d = 1, 3 do
    s['limit' .. d], s['free' .. d], s['mean' .. d] = limit[d], free[d], mean[d]
  end
  local fields = {}
  for name, value in pairs(s) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.format('%.6f', value)
  end
  redis.call('HSET', POOL, unpack(fields))
  for i = 1, 5 do redis.call('EXPIRE', KEYS[i], KEPT) end
end

local function given(place)  -- a number, or nothing where Claude said nothing
  return tonumber(ARGV[place])
end

local function observe(first)  -- three limits, then what is left of each
  local under_way = redis.call('ZCARD', FLIGHTS)
  for d = 1, 3 do
    local said, left = given(first + d - 1), given(first + d + 2)
    if said and said > 0 then
      if limit[d] == 0 then free[d] = BURST * said end
      limit[d] = said
    end
    if left and limit[d] > 0 then
      free[d] = math.min(free[d], BURST * limit[d], left - under_way * mean[d])
    end
  end
end
