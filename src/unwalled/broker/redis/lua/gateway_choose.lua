-- Where a reader's lanes go: the rules of broker/gateways.py.
-- KEYS: gateways, leases, since, sent, the reader's   ARGV: stickiness in ms, settling in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local live = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')
local before = redis.call('GET', KEYS[5])
local chosen = false
for _, id in ipairs(live) do
  if id == before then chosen = id end
end
if not chosen then
  local least, is_known = false, false
  for _, id in ipairs(live) do
    local place = cjson.decode(redis.call('HGET', KEYS[1], id))
    if not place.draining then
      local load = place.load + tonumber(redis.call('HGET', KEYS[4], id))
      local known = tonumber(redis.call('HGET', KEYS[3], id)) + ARGV[2] <= now
      if not chosen or (known and not is_known) or (known == is_known and load < least) then
        chosen, least, is_known = id, load, known
      end
    end
  end
  if not chosen then return false end
  redis.call('HINCRBY', KEYS[4], chosen, 1)
end
redis.call('SET', KEYS[5], chosen, 'PX', ARGV[1])
return redis.call('HGET', KEYS[1], chosen)
