-- Takes one from each of several buckets, or from none. "0", or the seconds to wait, as text.
--
-- A bucket is the time at which it will be full again; one that is full is not kept.
local longest = 0
local until_full = {}
for at, bucket in ipairs(ASKED.buckets) do
  local key, per_s, burst = BASE .. 'bucket:' .. bucket[1], bucket[2], bucket[3]
  local full_at = math.max(NOW, tonumber(redis.call('GET', key) or NOW))
  local level = burst - (full_at - NOW) * per_s
  -- What was taken a moment ago must not be missing by the last digit of a sum.
  longest = math.max(longest, (1 - level - 1e-6) / per_s)
  until_full[at] = full_at + 1 / per_s
end
if longest > 0 then return string.format('%.6f', longest) end
for at, bucket in ipairs(ASKED.buckets) do
  local ttl_ms = math.ceil((until_full[at] - NOW) * 1000)
  redis.call('SET', BASE .. 'bucket:' .. bucket[1], string.format('%.6f', until_full[at]), 'PX', math.max(1, ttl_ms))
end
return '0'
