-- Lists a bridge. 1 = it is listed, 0 = there is no place. A broker that lists anew what it holds says `again`.
local name = ASKED.name
local bridge = load(name)
if bridge then
  if not ASKED.again then return 0 end
  bridge[FREE], bridge[READERS] = ASKED.free, ASKED.readers
  file(name, bridge)
  return 1
end
local brokers = math.max(1, redis.call('ZCARD', BROKERS))
if redis.call('HLEN', BRIDGES) >= LIMITS.max_bridges * brokers then return 0 end
if ASKED.swarm ~= '' then
  local joined = redis.call('HGET', SWARMS, ASKED.swarm)
  if joined then
    if tonumber(joined) >= LIMITS.bridges_per_swarm then return 0 end
  elseif redis.call('HLEN', SWARMS) >= LIMITS.max_swarms then
    return 0
  end
  redis.call('HINCRBY', SWARMS, ASKED.swarm, 1)
end
bridge = {}
bridge[NETWORK], bridge[NAT], bridge[SWARM], bridge[CAPACITY] = ASKED.network, ASKED.nat, ASKED.swarm, ASKED.capacity
bridge[FREE], bridge[READERS], bridge[HEARD], bridge[RESERVED], bridge[PENDING] = ASKED.free, ASKED.readers, NOW, 0, 0
bridge[FAILURES], bridge[ASIDE], bridge[BUSY], bridge[DOUBTS], bridge[HOME] = 0, 0, 0, 0, ASKED.home
bridge[GOOD], bridge[BAD], bridge[SPEED], bridge[FAILED_AT], bridge[TAMPERING] = 0, 0, 1, 0, false
bridge[PROMISES], bridge[RESTS], bridge[JUDGED] = 0, 0, NOW
bridge[MOST_PROMISES] = math.min(math.max(LIMITS.promises, ASKED.takes), LIMITS.promises_at_most)
local remembered = redis.call('GET', of_bridge('network', ASKED.network))
if remembered then
  local held = cmsgpack.unpack(remembered)
  if NOW < held[2] + LIMITS.aside_max_s then
    bridge[FAILURES], bridge[ASIDE], bridge[BAD], bridge[FAILED_AT] = held[1], held[2], held[3], held[4]
    bridge[TAMPERING], bridge[RESTS], bridge[JUDGED] = held[5], held[6], held[7]
    if held[8] ~= '' then
      redis.call('SET', of_bridge('voices', name), held[8], 'PX', math.ceil(LIMITS.half_life_s * 1000))
    end
  end
end
redis.call('SADD', of_bridge('home', ASKED.home), name)
file(name, bridge)
return 1
