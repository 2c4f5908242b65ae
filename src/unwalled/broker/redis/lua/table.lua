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
local BOOKS = BASE .. 'books'
local KNOWN = BASE .. 'known'
local DAY_S = 86400

-- Places in a bridge's record.
local NETWORK, NAT, SWARM, CAPACITY, FREE, READERS, HEARD = 1, 2, 3, 4, 5, 6, 7
local RESERVED, PENDING, FAILURES, ASIDE, BUSY, DOUBTS, HOME = 8, 9, 10, 11, 12, 13, 14
local GOOD, BAD, SPEED, FAILED_AT, TAMPERING, PROMISES, RESTS, JUDGED, MOST_PROMISES = 15, 16, 17, 18, 19, 20, 21, 22, 23
-- Places in a reservation's record.
local HELD_BRIDGE, HELD_COUNT, HELD_INVITE, HELD_READER = 1, 2, 3, 4

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

local function has_room(bridge)
  return room(bridge) > 0 and bridge[PENDING] < LIMITS.pending_per_bridge
end

local function pool(nat, swarm)
  return BASE .. 'pool:' .. nat .. (swarm == '' and '' or ':' .. swarm)
end

-- From how many networks the bridges for everybody are that can be drawn; a swarm's are few.
local function networks_of(nat)
  return BASE .. 'networks:' .. nat
end

local function list(name, bridge)
  if redis.call('SADD', pool(bridge[NAT], bridge[SWARM]), name) == 1 and bridge[SWARM] == '' then
    redis.call('HINCRBY', networks_of(bridge[NAT]), bridge[NETWORK], 1)
  end
end

local function unlist(name, bridge)
  if redis.call('SREM', pool(bridge[NAT], bridge[SWARM]), name) == 0 or bridge[SWARM] ~= '' then return end
  local key = networks_of(bridge[NAT])
  if redis.call('HINCRBY', key, bridge[NETWORK], -1) <= 0 then redis.call('HDEL', key, bridge[NETWORK]) end
end

-- Keeps a bridge's record, and lists it where it can be drawn as long as it has room.
local function file(name, bridge)
  save(name, bridge)
  if has_room(bridge) then list(name, bridge) else unlist(name, bridge) end
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

-- What is held against a bridge that leaves, so that leaving and coming back does not wash it off.
local function remember_network(name, bridge)
  local kept_s = bridge[ASIDE] + LIMITS.aside_max_s - NOW
  if bridge[FAILURES] <= 0 or kept_s <= 0 then return end
  local key = of_bridge('network', bridge[NETWORK])
  local held = redis.call('GET', key)
  if held and cmsgpack.unpack(held)[2] > bridge[ASIDE] then return end
  local voices = redis.call('GET', of_bridge('voices', name)) or ''
  local packed = cmsgpack.pack({
    bridge[FAILURES], bridge[ASIDE], bridge[BAD], bridge[FAILED_AT], bridge[TAMPERING], bridge[RESTS], bridge[JUDGED],
    voices,
  })
  redis.call('SET', key, packed, 'PX', math.ceil(kept_s * 1000))
end

-- Forgets a bridge with its reservations; remembers its network when it had failed.
local function forget(name)
  local bridge = load(name)
  if not bridge then return end
  redis.call('HDEL', BRIDGES, name)
  unlist(name, bridge)
  redis.call('SREM', of_bridge('home', bridge[HOME]), name)
  if bridge[SWARM] ~= '' and redis.call('HINCRBY', SWARMS, bridge[SWARM], -1) <= 0 then
    redis.call('HDEL', SWARMS, bridge[SWARM])
  end
  for _, match in ipairs(redis.call('SMEMBERS', of_bridge('owed', name))) do
    redis.call('HDEL', MATCHES, match)
    redis.call('ZREM', DEADLINES, match)
  end
  remember_network(name, bridge)
  for _, what in ipairs({'owed', 'served', 'readers', 'doubters', 'voices'}) do
    redis.call('DEL', of_bridge(what, name))
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
