-- A broker says that it lives, and clears up after those that do not: their bridges leave the list.
-- Gives {known, more}: 0 = its bridges may not be listed any more (it was away for too long, or the server lost all);
-- 1 = others' bridges are still to be cleared up.
local function lease_of(id)
  return tonumber(redis.call('ZSCORE', BROKERS, id) or '-inf')
end

if ASKED.gone ~= '' then redis.call('ZADD', BROKERS, 'XX', NOW - 1, ASKED.gone) end
local was_known = lease_of(ASKED.home) >= NOW
redis.call('ZADD', BROKERS, NOW + LIMITS.lease_s, ASKED.home)
local more = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', BROKERS, '-inf', '(' .. NOW, 'LIMIT', 0, 4)) do
  local home = of_bridge('home', id)
  for _, name in ipairs(redis.call('SRANDMEMBER', home, LIMITS.swept_bridges)) do
    forget(name)
    redis.call('SREM', home, name)
  end
  if redis.call('SCARD', home) == 0 then redis.call('ZREM', BROKERS, id) else more = 1 end
end
release_overdue()
sweep_books()
for _, key in ipairs({BRIDGES, MATCHES, DEADLINES, BROKERS, SWARMS, of_bridge('home', ASKED.home)}) do
  redis.call('EXPIRE', key, DAY_S)
end
for _, nat in ipairs(ASKED.nats) do
  redis.call('EXPIRE', pool(nat, ''), DAY_S)
  redis.call('EXPIRE', networks_of(nat), DAY_S)
end
return {was_known and 1 or 0, more}
