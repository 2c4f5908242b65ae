-- Places a reader's offers on fitting bridges. Gives a list of {match, bridge, network, home, offers}.
release_overdue()
math.randomseed(ASKED.seed)

local count = #ASKED.offers
if redis.call('HLEN', MATCHES) + count > LIMITS.max_reservations then return cmsgpack.pack({}) end

local avoided, known = {}, {}
for _, name in ipairs(ASKED.avoid) do avoided[name] = true end

-- Records of many bridges, read at once, and the names of those that have left.
local function load_all(names)
  local found, gone = {}, {}
  for first = 1, #names, 512 do
    local last = math.min(first + 511, #names)
    for at, packed in ipairs(redis.call('HMGET', BRIDGES, unpack(names, first, last))) do
      local name = names[first + at - 1]
      if packed then
        found[#found + 1] = {name = name, bridge = cmsgpack.unpack(packed)}
      else
        gone[#gone + 1] = name
      end
    end
  end
  return found, gone
end

for _, one in ipairs(load_all(ASKED.avoid)) do known[one.bridge[NETWORK]] = true end

local least = math.min(count, ASKED.spread > 0 and ASKED.spread or LIMITS.default_spread)
local most = ASKED.spread > 0 and least or count
local share = math.ceil(count / math.max(1, least))
-- Who holds a swarm's own link may know all its bridges: then no books are named.
local books = open_books(ASKED.books)

-- For each name whether it stands in the book, asked together.
local function standing_in(book, found)
  local stands = {}
  for first = 1, #found, 512 do
    local names = {}
    for at = first, math.min(first + 511, #found) do names[#names + 1] = found[at].name end
    for at, is_in in ipairs(redis.call('SMISMEMBER', book.names, unpack(names))) do
      stands[first + at - 1] = is_in == 1
    end
  end
  return stands
end

-- Up to so many that the asker was given before, and so many of all, as far as its budgets allow those.
local function candidates(nat, spent, draws)
  local found = {}
  if #spent == 0 then found = load_all(redis.call('SRANDMEMBER', pool(nat, ASKED.swarm), draws)) end
  local before = spent[1] or books[1]
  if before then
    local drawn = {}
    for _, one in ipairs(found) do drawn[one.name] = true end
    local given, gone = load_all(redis.call('SRANDMEMBER', before.names, draws))
    for _, name in ipairs(gone) do strike(before, name) end
    for _, one in ipairs(given) do
      local is_there = one.bridge[NAT] == nat and one.bridge[SWARM] == '' and has_room(one.bridge)
      if is_there and not drawn[one.name] then found[#found + 1] = one end
    end
  end
  local fitting = {}
  for _, one in ipairs(found) do
    if not avoided[one.name] and not is_aside(one.bridge) then fitting[#fitting + 1] = one end
  end
  for _, book in ipairs(spent) do
    local stands, allowed = standing_in(book, fitting), {}
    for at, one in ipairs(fitting) do
      if stands[at] then allowed[#allowed + 1] = one end
    end
    fitting = allowed
  end
  return fitting
end

local function is_scarce(nat, fitting)
  local networks, several, rooms = {}, 0, 0
  for _, one in ipairs(fitting) do
    rooms = rooms + room(one.bridge)
    if not networks[one.bridge[NETWORK]] then
      networks[one.bridge[NETWORK]] = true
      several = several + 1
    end
  end
  if #fitting < least or rooms < least * share then return true end
  return ASKED.swarm == '' and several < math.min(least, redis.call('HLEN', networks_of(nat)))
end

local function comes_before(one, other)
  if one.is_later ~= other.is_later then return other.is_later end
  if one.short ~= other.short then return other.short end
  if one.burden ~= other.burden then return one.burden < other.burden end
  if one.bridge[HEARD] ~= other.bridge[HEARD] then return one.bridge[HEARD] > other.bridge[HEARD] end
  return one.chance < other.chance
end

-- Bridges of a NAT class, the best first, in groups of those of which the same is expected.
local function ranked(nat)
  -- With a budget spent, only what stands in its book may be given; the smallest book has the least in vain.
  local spent = {}
  for at, book in ipairs(books) do
    if book.level < 1 then
      book.at, book.size = at, redis.call('SCARD', book.names)
      spent[#spent + 1] = book
    end
  end
  table.sort(spent, function(one, other)
    if one.size ~= other.size then return one.size < other.size end
    return one.at < other.at
  end)
  local there = spent[1] and spent[1].size or redis.call('SCARD', pool(nat, ASKED.swarm))
  local draws, fitting = LIMITS.candidates, nil
  while true do
    fitting = candidates(nat, spent, draws)
    if draws >= math.min(there, LIMITS.most_candidates) or not is_scarce(nat, fitting) then break end
    draws = draws * 8
  end
  for _, book in ipairs(books) do
    for at, stands in ipairs(standing_in(book, fitting)) do
      fitting[at].is_new = fitting[at].is_new or not stands
    end
  end
  local explores = math.random() < LIMITS.explore_share
  local groups = {{}, {}, {}}
  for _, one in ipairs(fitting) do
    local group = groups[grade(one.bridge)]
    one.room = room(one.bridge)
    one.short = one.room < share
    one.burden = burden(one.bridge, share) + (one.is_new and LIMITS.new_penalty or 0)
    one.is_later = explores and not is_untried(one.bridge)
    one.chance = math.random()
    group[#group + 1] = one
  end
  for _, group in ipairs(groups) do table.sort(group, comes_before) end
  return groups
end

local picked, is_picked, rooms = {}, {}, 0

local function is_enough()
  return #picked >= most or (#picked >= least and rooms >= count)
end

local function pick_from(group, may_repeat)
  for _, one in ipairs(group) do
    if is_enough() then return end
    local is_known = known[one.bridge[NETWORK]]
    if not is_picked[one.name] and (may_repeat or not is_known) and take_from(books, one.name) then
      known[one.bridge[NETWORK]], is_picked[one.name] = true, true
      picked[#picked + 1] = one
      rooms = rooms + one.room
    end
  end
end

for _, nat in ipairs(ASKED.nats) do
  if is_enough() then break end
  for _, group in ipairs(ranked(nat)) do
    pick_from(group, false)
    pick_from(group, true)
  end
end
for _, book in ipairs(books) do keep_level(book) end

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
