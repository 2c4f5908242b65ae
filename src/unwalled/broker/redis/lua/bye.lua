-- A broker goes: its bridges have left already, or leave with its lease.
local home = of_bridge('home', ASKED.home)
if redis.call('SCARD', home) == 0 then
  redis.call('ZREM', BROKERS, ASKED.home)
else
  redis.call('ZADD', BROKERS, NOW - 1, ASKED.home)
end
return 1
