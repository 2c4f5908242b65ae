-- The table of bridges, put before every script that touches it. The rules are those of broker/matching.py.
--
-- KEYS[1]  what all keys begin with; it holds the hash tag, so that a cluster keeps them together
-- ARGV[1]  the time in seconds, "" = the server's own clock (the brokers' clocks differ)
-- ARGV[2]  bounds, ARGV[3] what is asked, both MessagePack

local BASE = KEYS[1] .. ':'
local LIMITS = cmsgpack.unpack(ARGV[2])
local ASKED = cmsgpack.unpack(ARGV[3])
local NOW = tonumber(ARGV[1])
if not NOW then
  local time = redis.call('TIME')
  NOW = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local BRIDGES = BASE .. 'bridges'
local MATCHES = BASE .. 'matches'
local DEADLINES = BASE .. 'deadlines'
local BROKERS = BASE .. 'brokers'
local SWARMS = BASE .. 'swarms'
local DAY_S = 86400

-- Places in a bridge's record.
local NETWORK, NAT, SWARM, CAPACITY, FREE, READERS, HEARD = 1, 2, 3, 4, 5, 6, 7
local RESERVED, PENDING, FAILURES, ASIDE, BUSY, DOUBTS, HOME = 8, 9, 10, 11, 12, 13, 14
-- Places in a reservation's record.
local HELD_BRIDGE, HELD_COUNT, HELD_INVITE, HELD_READER = 1, 2, 3, 4

local DOUBT_WEIGHT = 0.25

local function of_bridge(what, name)
  return BASE .. what .. ':' .. name
end

local function load(name)
  local packed = redis.call('HGET', BRIDGES, name)
  return packed and cmsgpack.unpack(packed)
end

local function save(name, bridge)
  redis.call('HSET', BRIDGES, name, cmsgpack.pack(bridge))
end

local function room(bridge)
  if bridge[READERS] <= bridge[PENDING] then return 0 end
  return math.max(0, bridge[FREE] - bridge[RESERVED])
end

local function used(bridge)
  local capacity = math.max(1, bridge[CAPACITY])
  return 1 - math.min(room(bridge), capacity) / capacity + DOUBT_WEIGHT * bridge[DOUBTS]
end

local function pool(nat, swarm)
  return BASE .. 'pool:' .. nat .. (swarm == '' and '' or ':' .. swarm)
end

-- Keeps a bridge's record, and lists it where it can be drawn as long as it has room.
local function file(name, bridge)
  save(name, bridge)
  local has_room = room(bridge) > 0 and bridge[PENDING] < LIMITS.pending_per_bridge
  redis.call(has_room and 'SADD' or 'SREM', pool(bridge[NAT], bridge[SWARM]), name)
end

local function fail(bridge, weight)
  -- Several lanes of one match die together; that is one failure.
  if NOW < bridge[ASIDE] then return end
  bridge[FAILURES] = bridge[FAILURES] + weight
  local exponent = math.min(bridge[FAILURES] - 1, 30)
  bridge[ASIDE] = NOW + math.min(LIMITS.aside_max_s, LIMITS.aside_first_s * 2 ^ exponent)
end

-- Appends to a bounded list of a bridge, unless it is there; says whether it was not.
local function remember(what, name, value)
  local key = of_bridge(what, name)
  if redis.call('LPOS', key, value) then return false end
  redis.call('RPUSH', key, value)
  redis.call('LTRIM', key, -LIMITS.served_invites, -1)
  redis.call('EXPIRE', key, DAY_S)
  return true
end

-- Forgets a bridge with its reservations; remembers its network when it had failed.
local function forget(name)
  local bridge = load(name)
  if not bridge then return end
  redis.call('HDEL', BRIDGES, name)
  redis.call('SREM', pool(bridge[NAT], bridge[SWARM]), name)
  redis.call('SREM', of_bridge('home', bridge[HOME]), name)
  if bridge[SWARM] ~= '' and redis.call('HINCRBY', SWARMS, bridge[SWARM], -1) <= 0 then
    redis.call('HDEL', SWARMS, bridge[SWARM])
  end
  for _, match in ipairs(redis.call('SMEMBERS', of_bridge('owed', name))) do
    redis.call('HDEL', MATCHES, match)
    redis.call('ZREM', DEADLINES, match)
  end
  for _, what in ipairs({'owed', 'served', 'readers', 'doubters'}) do
    redis.call('DEL', of_bridge(what, name))
  end
  if bridge[FAILURES] > 0 then
    local kept_s = math.max(0, bridge[ASIDE] - NOW) + LIMITS.aside_max_s
    local packed = cmsgpack.pack({bridge[FAILURES], bridge[ASIDE]})
    redis.call('SET', of_bridge('network', bridge[NETWORK]), packed, 'PX', math.ceil(kept_s * 1000))
  end
end

-- Takes a reservation off; gives its record, and its bridge's name and record with the room given back.
local function take_back(match)
  local packed = redis.call('HGET', MATCHES, match)
  if not packed then return end
  redis.call('HDEL', MATCHES, match)
  redis.call('ZREM', DEADLINES, match)
  local held = cmsgpack.unpack(packed)
  local name = held[HELD_BRIDGE]
  redis.call('SREM', of_bridge('owed', name), match)
  local bridge = load(name)
  if not bridge then return end
  bridge[RESERVED] = bridge[RESERVED] - held[HELD_COUNT]
  bridge[PENDING] = bridge[PENDING] - 1
  return held, name, bridge
end

-- Gives back what was reserved for readers whose broker has died since.
local function release_overdue()
  for _, match in ipairs(redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', NOW, 'LIMIT', 0, 64)) do
    local held, name, bridge = take_back(match)
    if held then file(name, bridge) end
  end
end
