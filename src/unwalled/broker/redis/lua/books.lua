-- The bridges that an invite or a network was given, and its budget for further ones. As in broker/harvest.py.
--
-- book:KEY   the names, a set          level:KEY  {budget, what may be earned, since when}
-- books      when each book was used   known      how much stands in all of them

local KINDS = {n = 'narrow', i = 'invite', w = 'wide'}

local function rate(key, what)
  return LIMITS[KINDS[string.sub(key, 1, 1)] .. '_' .. what]
end

local function forget_book(key)
  redis.call('DECRBY', KNOWN, redis.call('SCARD', BASE .. 'book:' .. key))
  redis.call('DEL', BASE .. 'book:' .. key, BASE .. 'level:' .. key)
  redis.call('ZREM', BOOKS, key)
end

-- Books that nobody uses: their budgets are full again.
local function sweep_books()
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', BOOKS, '-inf', NOW - LIMITS.book_s, 'LIMIT', 0, 64)) do
    forget_book(key)
  end
end

local function keep_level(book)
  local packed = cmsgpack.pack({book.level, book.earnable, NOW})
  redis.call('SET', BASE .. 'level:' .. book.key, packed, 'PX', math.ceil(2 * LIMITS.book_s * 1000))
  redis.call('PEXPIRE', book.names, math.ceil(2 * LIMITS.book_s * 1000))
end

-- An asker's books, that of its network first, with their budgets of now.
local function open_books(keys)
  local books = {}
  for at, key in ipairs(keys) do
    local burst, earned_per_h = rate(key, 'burst'), rate(key, 'earned_per_h')
    local book = {key = key, names = BASE .. 'book:' .. key, level = burst, earnable = earned_per_h}
    local packed = redis.call('GET', BASE .. 'level:' .. key)
    if packed then
      local held = cmsgpack.unpack(packed)
      local elapsed_s = math.max(0, NOW - held[3])
      book.level = math.min(burst, held[1] + elapsed_s * (rate(key, 'per_h') / 3600))
      book.earnable = math.min(earned_per_h, held[2] + elapsed_s * (earned_per_h / 3600))
    end
    redis.call('ZADD', BOOKS, NOW, key)
    books[at] = book
  end
  if #books > 0 then
    redis.call('PEXPIRE', BOOKS, math.ceil(2 * LIMITS.book_s * 1000))
    -- Only others' books are forgotten, the longest unused first.
    local known = tonumber(redis.call('GET', KNOWN) or 0)
    local count = redis.call('ZCARD', BOOKS)
    while count > #books and (count > LIMITS.limiter_entries or known > LIMITS.known_in_all) do
      forget_book(redis.call('ZRANGE', BOOKS, 0, 0)[1])
      known, count = tonumber(redis.call('GET', KNOWN) or 0), count - 1
    end
  end
  return books
end

local function strike(book, name)
  if redis.call('SREM', book.names, name) == 1 then redis.call('DECR', KNOWN) end
end

-- Tells the asker of a bridge, or says that it may not be told.
local function take_from(books, name)
  local lacking = {}
  for _, book in ipairs(books) do
    if redis.call('SISMEMBER', book.names, name) == 0 then
      if book.level < 1 then return false end
      lacking[#lacking + 1] = book
    end
  end
  for _, book in ipairs(lacking) do
    if redis.call('SCARD', book.names) >= LIMITS.known_bridges and redis.call('SPOP', book.names) then
      redis.call('DECR', KNOWN)
    end
    redis.call('SADD', book.names, name)
    redis.call('INCR', KNOWN)
    book.level = book.level - 1
  end
  if #lacking > 0 then redis.call('PEXPIRE', KNOWN, math.ceil(2 * LIMITS.book_s * 1000)) end
  return true
end

-- The gateway saw this carried for the asker.
local function earn(keys, carried_bytes)
  for _, book in ipairs(open_books(keys)) do
    local earned = math.min(carried_bytes / LIMITS.bytes_per_bridge, rate(book.key, 'burst') - book.level, book.earnable)
    book.level, book.earnable = book.level + earned, book.earnable - earned
    keep_level(book)
  end
end
