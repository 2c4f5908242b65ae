-- Places a reader's offers on fitting bridges. Gives a list of {match, bridge, network, home, offers}.
release_overdue()
math.randomseed(ASKED.seed)

local count = #ASKED.offers
if redis.call('HLEN', MATCHES) + count > LIMITS.max_reservations then return cmsgpack.pack({}) end

local avoided, known = {}, {}
for _, name in ipairs(ASKED.avoid) do avoided[name] = true end

-- Records of many bridges, read at once; those of bridges that have left are not there.
local function load_all(names)
  local found = {}
  for first = 1, #names, 512 do
    local last = math.min(first + 511, #names)
    for at, packed in ipairs(redis.call('HMGET', BRIDGES, unpack(names, first, last))) do
      if packed then found[#found + 1] = {name = names[first + at - 1], bridge = cmsgpack.unpack(packed)} end
    end
  end
  return found
end

for _, one in ipairs(load_all(ASKED.avoid)) do known[one.bridge[NETWORK]] = true end

local least = math.min(count, ASKED.spread > 0 and ASKED.spread or LIMITS.default_spread)
local most = ASKED.spread > 0 and least or count
local share = math.ceil(count / math.max(1, least))

local function fitting(names)
  local found, networks, several = {}, {}, 0
  for _, one in ipairs(load_all(names)) do
    local bridge = one.bridge
    if not avoided[one.name] and NOW >= bridge[ASIDE] and NOW >= bridge[BUSY] then
      one.room = room(bridge)
      one.short = one.room < share
      one.used = used(bridge)
      one.chance = math.random()
      found[#found + 1] = one
      if not networks[bridge[NETWORK]] then
        networks[bridge[NETWORK]] = true
        several = several + 1
      end
    end
  end
  return found, several
end

local function comes_before(one, other)
  if one.short ~= other.short then return other.short end
  if one.used ~= other.used then return one.used < other.used end
  if one.bridge[HEARD] ~= other.bridge[HEARD] then return one.bridge[HEARD] > other.bridge[HEARD] end
  return one.chance < other.chance
end

local function ranked(nat)
  local key = pool(nat, ASKED.swarm)
  local found, networks = fitting(redis.call('SRANDMEMBER', key, LIMITS.candidates))
  if networks < most and redis.call('SCARD', key) > LIMITS.candidates then
    found = fitting(redis.call('SRANDMEMBER', key, LIMITS.most_candidates))
  end
  table.sort(found, comes_before)
  return found
end

local picked, rooms = {}, 0

local function is_enough()
  return #picked >= most or (#picked >= least and rooms >= count)
end

local function pick(one)
  picked[#picked + 1] = one
  rooms = rooms + one.room
end

for _, nat in ipairs(ASKED.nats) do
  if is_enough() then break end
  local repeated = {}
  for _, one in ipairs(ranked(nat)) do
    if is_enough() then break end
    if known[one.bridge[NETWORK]] then
      repeated[#repeated + 1] = one
    else
      known[one.bridge[NETWORK]] = true
      pick(one)
    end
  end
  for _, one in ipairs(repeated) do
    if is_enough() then break end
    pick(one)
  end
end

-- One offer for each in turn, as long as there is room.
local shares, next_offer, placed = {}, 1, true
for at in ipairs(picked) do shares[at] = {} end
while next_offer <= count and placed do
  placed = false
  for at, one in ipairs(picked) do
    if next_offer <= count and one.room > 0 then
      table.insert(shares[at], ASKED.offers[next_offer])
      one.room = one.room - 1
      next_offer = next_offer + 1
      placed = true
    end
  end
end

local held = {}
for at, one in ipairs(picked) do
  local match = string.format('%s%04x', ASKED.match, at)
  local bridge = one.bridge
  bridge[RESERVED] = bridge[RESERVED] + #shares[at]
  bridge[PENDING] = bridge[PENDING] + 1
  redis.call('HSET', MATCHES, match, cmsgpack.pack({one.name, #shares[at], ASKED.invite, ASKED.reader}))
  redis.call('ZADD', DEADLINES, NOW + LIMITS.reservation_s, match)
  redis.call('SADD', of_bridge('owed', one.name), match)
  redis.call('EXPIRE', of_bridge('owed', one.name), DAY_S)
  file(one.name, bridge)
  held[at] = {match, one.name, bridge[NETWORK], bridge[HOME], shares[at]}
end
return cmsgpack.pack(held)
