-- All gateways that live.
-- KEYS: gateways, leases
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local places = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')) do
  places[#places + 1] = redis.call('HGET', KEYS[1], id)
end
return places
