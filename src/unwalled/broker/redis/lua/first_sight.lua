-- Remembers a request. 1 = it is new, 0 = it was seen, -1 = there is no room to remember it.
local key = BASE .. 'seen'
redis.call('ZREMRANGEBYSCORE', key, '-inf', NOW - LIMITS.replay_s)
if redis.call('ZSCORE', key, ASKED.name) then return 0 end
if redis.call('ZCARD', key) >= LIMITS.max_replays then return -1 end
redis.call('ZADD', key, NOW, ASKED.name)
redis.call('PEXPIRE', key, math.ceil(LIMITS.replay_s * 1000))
return 1
